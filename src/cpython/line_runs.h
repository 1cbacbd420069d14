// SPDX-License-Identifier: Apache-2.0
//
// Goes through the line table of a code object, run by run, without memory of its own: the agent
// looks up one line so, line_table.h all of them. Forms, sources, hostile input: see there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace memwhy::cpython {

inline constexpr std::uint32_t kNoEnd = std::numeric_limits<std::uint32_t>::max();

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

// visit(begin, end, line): instructions [begin, end) in code units of two bytes; line: any number,
// beyond those of a file where the table says so, 0: none. Runs come in order and may be empty.
template <typename Visit>
void EachLnotabRun(std::span<const std::uint8_t> table, int first_line, const Visit& visit) {
  std::uint32_t begin = 0;
  std::uint32_t address = 0;  // bytes
  std::int64_t line = first_line;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    address += table[i];
    if (table[i + 1] == 0) continue;
    visit(begin / 2, address / 2, line);
    begin = address;
    line += static_cast<std::int8_t>(table[i + 1]);
  }
  visit(begin / 2, kNoEnd, line);
}

template <typename Visit>
void EachLinetable310Run(std::span<const std::uint8_t> table, int first_line, const Visit& visit) {
  std::uint32_t address = 0;  // bytes
  std::int64_t line = first_line;
  for (std::size_t i = 0; i + 1 < table.size(); i += 2) {
    const std::uint32_t end = address + table[i];
    const int delta = static_cast<std::int8_t>(table[i + 1]);
    if (delta != -128) line += delta;
    visit(address / 2, end / 2, delta == -128 ? std::int64_t{0} : line);
    address = end;
  }
}

template <typename Visit>
void EachLocationRun(std::span<const std::uint8_t> table, int first_line, const Visit& visit) {
  constexpr int kNone = 15;
  constexpr int kLong = 14;
  constexpr int kNoColumns = 13;
  constexpr int kOneLine = 10;  // .. 12
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
    visit(begin, end, kind == kNone ? std::int64_t{0} : line);
    begin = end;
  }
}

// `python_version` is major << 8 | minor.
template <typename Visit>
void EachLineRun(std::span<const std::uint8_t> table, int first_line, unsigned python_version,
                 const Visit& visit) {
  constexpr unsigned kPython310 = 3u << 8 | 10;
  // Up to 3.9 an empty table is a whole one: all code is on the first line (a lambda).
  if (table.empty() && python_version >= kPython310) return;
  if (python_version > kPython310) {
    EachLocationRun(table, first_line, visit);
  } else if (python_version == kPython310) {
    EachLinetable310Run(table, first_line, visit);
  } else {
    EachLnotabRun(table, first_line, visit);
  }
}

}  // namespace memwhy::cpython
