// SPDX-License-Identifier: Apache-2.0
#include "symbols/demangle.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/strings.h"

namespace memwhy::symbols {
namespace {

// Rust puts a hash behind: "core::fmt::write::h0123456789abcdef".
void DropRustHash(std::string* name) {
  constexpr std::size_t kHash = 19;  // "::h" and 16 digits
  if (name->size() <= kHash) return;
  const std::string_view tail = std::string_view(*name).substr(name->size() - kHash);
  if (!StartsWith(tail, "::h")) return;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (std::all_of(tail.begin() + 3, tail.end(), is_hex)) name->resize(name->size() - kHash);
}

std::string Cut(std::string name) {
  if (name.size() > kMaxName) name.resize(kMaxName);
  return name;
}

}  // namespace

std::string Demangle(std::string_view name) {
  if (!StartsWith(name, "_Z") || name.size() > kMaxMangled) return Cut(std::string(name));
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(
      abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0 || plain == nullptr) return Cut(std::string(name));
  std::string result(plain.get());
  DropRustHash(&result);
  return Cut(std::move(result));
}

}  // namespace memwhy::symbols
