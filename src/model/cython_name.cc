// SPDX-License-Identifier: Apache-2.0
#include "model/cython_name.h"

#include "base/strings.h"

namespace memwhy::model {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes "4fast" with what follows up to '_' or the end; nullopt: there is no such part.
std::optional<std::string_view> TakePart(std::string_view* text) {
  std::size_t digits = 0;
  std::size_t length = 0;
  while (digits < text->size() && digits < 4 && IsDigit((*text)[digits])) {
    length = length * 10 + static_cast<std::size_t>((*text)[digits] - '0');
    ++digits;
  }
  if (digits == 0 || length == 0 || digits + length >= text->size() ||
      (*text)[digits + length] != '_') {
    return std::nullopt;
  }
  const std::string_view part = text->substr(digits, length);
  if (IsDigit(part.front())) return std::nullopt;
  text->remove_prefix(digits + length + 1);
  return part;
}

// A class's name, or nullopt for a counter and a function's name.
std::optional<std::string_view> TakeClass(std::string_view* text, bool has_counters) {
  std::string_view rest = *text;
  const auto part = TakePart(&rest);
  if (!part || rest.empty()) return std::nullopt;
  const char first = part->front();
  if (has_counters && first >= 'a' && first <= 'z') return std::nullopt;
  *text = rest;
  return part;
}

}  // namespace

std::optional<CythonName> ReadCythonName(std::string_view symbol, std::string_view library) {
  symbol = symbol.substr(0, symbol.find('.'));  // a compiler's clones: "__pyx_pf_4fast_put.isra.0"
  if (ConsumePrefix(symbol, "__pyx_pymod_exec_")) {
    return CythonName{.module = std::string(symbol), .function = "<module>"};
  }
  if (StartsWith(symbol, "__pyx_fuse_")) {
    const std::size_t at = symbol.find("__pyx_", 1);
    if (at == std::string_view::npos) return std::nullopt;
    symbol.remove_prefix(at);
  }
  const bool has_counters = ConsumePrefix(symbol, "__pyx_pw_") ||
                            ConsumePrefix(symbol, "__pyx_pf_") ||
                            ConsumePrefix(symbol, "__pyx_gb_");
  if (!has_counters && !ConsumePrefix(symbol, "__pyx_f_")) return std::nullopt;
  const std::string_view stem = library.substr(0, library.find('.'));
  CythonName name;
  std::string_view rest = symbol;
  std::string module;
  while (const auto part = TakePart(&rest)) {
    if (!module.empty()) module += '.';
    module += *part;
    // Without the library's name the first part is the module.
    if (name.module.empty() || *part == stem) {
      name.module = module;
      symbol = rest;
    }
    if (*part == stem || stem.empty()) break;
  }
  if (name.module.empty()) return std::nullopt;
  while (const auto part = TakeClass(&symbol, has_counters)) {
    name.function += *part;
    name.function += '.';
  }
  if (has_counters) {
    while (!symbol.empty() && IsDigit(symbol.front())) symbol.remove_prefix(1);
  }
  if (symbol.empty()) return std::nullopt;
  name.function += symbol;
  return name;
}

bool IsCythonHelper(std::string_view symbol) { return StartsWith(symbol, "__Pyx_"); }

}  // namespace memwhy::model
