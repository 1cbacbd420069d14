// SPDX-License-Identifier: Apache-2.0
#include "cpython/line_table.h"

#include <algorithm>
#include <limits>

namespace memwhy::cpython {
namespace {

constexpr unsigned kPython310 = 3u << 8 | 10;
constexpr unsigned kPython311 = 3u << 8 | 11;
constexpr std::uint32_t kNoEnd = std::numeric_limits<std::uint32_t>::max();

class Runs {
 public:
  void Append(std::uint32_t begin, std::uint32_t end, std::int64_t line) {
    if (begin >= end) return;
    const int shown =
        line > 0 && line <= std::numeric_limits<int>::max() ? static_cast<int>(line) : 0;
    if (!runs_.empty() && runs_.back().line == shown && runs_.back().end == begin) {
      runs_.back().end = end;
      return;
    }
    runs_.push_back({begin, end, shown});
  }
  std::vector<LineRun> Take() { return std::move(runs_); }

 private:
  std::vector<LineRun> runs_;
};

std::vector<LineRun> DecodeLnotab(std::span<const std::uint8_t> table, int first_line) {
  Runs runs;
  std::uint32_t begin = 0;
  std::uint32_t address = 0;  // bytes
  std::int64_t line = first_line;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    address += table[i];
    if (table[i + 1] == 0) continue;
    runs.Append(begin / 2, address / 2, line);
    begin = address;
    line += static_cast<std::int8_t>(table[i + 1]);
  }
  runs.Append(begin / 2, kNoEnd, line);
  return runs.Take();
}

std::vector<LineRun> DecodeLinetable310(std::span<const std::uint8_t> table, int first_line) {
  Runs runs;
  std::uint32_t address = 0;  // bytes
  std::int64_t line = first_line;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    const std::uint32_t end = address + table[i];
    const int delta = static_cast<std::int8_t>(table[i + 1]);
    if (delta != -128) line += delta;
    runs.Append(address / 2, end / 2, delta == -128 ? 0 : line);
    address = end;
  }
  return runs.Take();
}

// Reads the entries of a location table. `ok` turns false at the first malformed one.
class LocationReader {
 public:
  explicit LocationReader(std::span<const std::uint8_t> table) : table_(table) {}
  bool ok() const { return ok_; }
  bool at_end() const { return position_ >= table_.size(); }

  std::uint8_t Byte() {
    if (at_end()) {
      ok_ = false;
      return 0;
    }
    return table_[position_++];
  }

  std::uint32_t Varint() {  // six bits a byte, least significant first; bit 6 goes on
    std::uint32_t value = 0;
    for (int shift = 0; shift < 30; shift += 6) {
      const std::uint8_t byte = Byte();
      value |= static_cast<std::uint32_t>(byte & 63) << shift;
      if ((byte & 64) == 0) return value;
    }
    ok_ = false;
    return 0;
  }

  std::int32_t SignedVarint() {
    const std::uint32_t value = Varint();
    const auto magnitude = static_cast<std::int32_t>(value >> 1);
    return (value & 1) != 0 ? -magnitude : magnitude;
  }

 private:
  std::span<const std::uint8_t> table_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

std::vector<LineRun> DecodeLocations(std::span<const std::uint8_t> table, int first_line) {
  constexpr int kNone = 15;
  constexpr int kLong = 14;
  constexpr int kNoColumns = 13;
  constexpr int kOneLine = 10;  // .. 12
  Runs runs;
  LocationReader reader(table);
  std::uint32_t begin = 0;
  std::int64_t line = first_line;
  while (!reader.at_end()) {
    const std::uint8_t head = reader.Byte();
    if ((head & 0x80) == 0) break;
    const int kind = (head >> 3) & 15;
    const std::uint32_t end = begin + (head & 7) + 1;
    if (kind == kLong) {
      line += reader.SignedVarint();
      reader.Varint();  // end line
      reader.Varint();  // columns
      reader.Varint();
    } else if (kind == kNoColumns) {
      line += reader.SignedVarint();
    } else if (kind != kNone) {
      if (kind >= kOneLine) {
        line += kind - kOneLine;
        reader.Byte();  // columns
      }
      reader.Byte();
    }
    if (!reader.ok()) break;
    runs.Append(begin, end, kind == kNone ? 0 : line);
    begin = end;
  }
  return runs.Take();
}

}  // namespace

std::vector<LineRun> DecodeLineTable(std::span<const std::uint8_t> table, int first_line,
                                     unsigned python_version) {
  // Up to 3.9 an empty table is a whole one: all code is on the first line (a lambda).
  if (table.empty() && python_version >= kPython310) return {};
  if (python_version >= kPython311) return DecodeLocations(table, first_line);
  if (python_version == kPython310) return DecodeLinetable310(table, first_line);
  return DecodeLnotab(table, first_line);
}

int LineAt(std::span<const LineRun> runs, std::int64_t instruction, int first_line) {
  if (instruction < 0) return first_line;
  const auto after = std::upper_bound(
      runs.begin(), runs.end(), instruction,
      [](std::int64_t value, const LineRun& run) { return value < std::int64_t{run.begin}; });
  if (after == runs.begin()) return 0;
  const LineRun& run = *(after - 1);
  return instruction < std::int64_t{run.end} ? run.line : 0;
}

}  // namespace memwhy::cpython
