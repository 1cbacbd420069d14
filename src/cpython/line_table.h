// SPDX-License-Identifier: Apache-2.0
//
// Source lines of CPython code objects: decodes the three forms of line table that interpreters
// carry. Pure; the bytes are hostile input: decoding stops at the first malformed entry.
//   .. 3.9    co_lnotab:        pairs (bytes of code, signed lines); the line holds from there on
//   3.10      co_linetable:     pairs (bytes of code, signed lines); -128 means no line
//   3.11 ..   location table:   entries (kind, code units, line and column deltas), PEP 657
// Sources: CPython Objects/lnotab_notes.txt (to 3.10) and Objects/locations.md (from 3.11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace memwhy::cpython {

// Instructions [begin, end), in code units of two bytes.
struct LineRun {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  int line = 0;  // 0: the compiler gave none
  friend bool operator==(const LineRun&, const LineRun&) = default;
};

// `python_version` is major << 8 | minor. An empty table gives no runs (all lines unknown), but up
// to 3.9 one run: there it is the table of code that has one line. Runs come in order; neighbours
// differ in line.
std::vector<LineRun> DecodeLineTable(std::span<const std::uint8_t> table, int first_line,
                                     unsigned python_version);

// The line of one instruction; 0 when unknown. -1 stands before the first instruction and has the
// line `first_line`.
int LineAt(std::span<const LineRun> runs, std::int64_t instruction, int first_line);

}  // namespace memwhy::cpython
