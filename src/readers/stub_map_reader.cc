// SPDX-License-Identifier: Apache-2.0
#include "readers/stub_map_reader.h"

#include <fmt/core.h>

#include <string>
#include <vector>

#include "base/strings.h"

namespace memwhy::readers {
namespace {

constexpr std::size_t kMaxRecords = std::size_t{1} << 21;
constexpr std::uint64_t kMaxStubBytes = 4096;
constexpr std::uint64_t kMaxSourceLine = 100'000'000;

std::string Unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    out += c == 't' ? '\t' : c == 'n' ? '\n' : c;
  }
  return out;
}

std::optional<std::uint32_t> Small(std::string_view text) {
  const auto number = ParseUint(text);
  if (!number || *number > 0xffffffffu) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

bool ReadCode(const std::vector<std::string_view>& fields, model::PythonStubs* stubs) {
  if (fields.size() != 5) return false;
  const auto id = Small(fields[1]);
  const auto line = ParseUint(fields[2]);
  if (!id || *id == 0 || !line || *line > kMaxSourceLine) return false;
  stubs->codes.insert_or_assign(*id, model::PythonCode{
                                         .function = Unescape(fields[4]),
                                         .file = Unescape(fields[3]),
                                         .first_line = static_cast<int>(*line),
                                     });
  return true;
}

bool ReadStub(const std::vector<std::string_view>& fields, model::PythonStubs* stubs) {
  if (fields.size() != 6) return false;
  const auto address = ParseHex(fields[1]);
  const auto bytes = ParseUint(fields[2]);
  const auto code = Small(fields[3]);
  const auto caller = Small(fields[4]);
  const auto line = ParseUint(fields[5]);
  if (!address || !bytes || *bytes > kMaxStubBytes || !code || !caller || !line ||
      *line > kMaxSourceLine) {
    return false;
  }
  stubs->stubs.insert_or_assign(*address, model::PythonStub{
                                              .bytes = *bytes,
                                              .code = *code,
                                              .caller = *caller,
                                              .line = static_cast<int>(*line),
                                          });
  return true;
}

}  // namespace

std::optional<StubMapParent> ReadStubMap(std::string_view text, model::PythonStubs* stubs) {
  std::optional<StubMapParent> parent;
  std::uint64_t number = 0;
  while (true) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;  // an unfinished line
    const std::vector<std::string_view> fields = Split(text.substr(0, end), '\t');
    text.remove_prefix(end + 1);
    ++number;
    bool is_right = false;
    if (number == 1) {
      is_right = fields.size() == 4 && fields[0] == "memwhy-frames" && fields[1] == "1";
      if (is_right) {
        stubs->version = Unescape(fields[2]);
        stubs->executable = Unescape(fields[3]);
      }
    } else if (fields[0] == "code") {
      is_right = ReadCode(fields, stubs);
    } else if (fields[0] == "stub") {
      is_right = ReadStub(fields, stubs);
    } else if (fields[0] == "allocator") {
      is_right = fields.size() == 2;
      if (is_right) stubs->allocator = Unescape(fields[1]);
    } else if (fields[0] == "stop") {
      is_right = fields.size() == 2;
      if (is_right) stubs->stopped = Unescape(fields[1]);
    } else if (fields[0] == "parent" && number == 2 && fields.size() == 3) {
      const auto pid = Small(fields[1]);
      const auto bytes = ParseUint(fields[2]);
      is_right = pid.has_value() && bytes.has_value();
      if (is_right) parent = StubMapParent{*pid, *bytes};
    }
    if (!is_right || stubs->codes.size() + stubs->stubs.size() > kMaxRecords) {
      stubs->damage = fmt::format("line {} of the map of Python functions makes no sense", number);
      break;
    }
  }
  return parent;
}

}  // namespace memwhy::readers
