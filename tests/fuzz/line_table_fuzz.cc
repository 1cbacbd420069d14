// SPDX-License-Identifier: Apache-2.0
//
// Line tables of code objects. Input: minor version (one byte), first line (four), the table.
#include "cpython/line_table.h"
#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace memwhy;
  std::string_view input = fuzz::AsText(data, size);
  const unsigned version = 3u << 8 | (8 + fuzz::Take<std::uint8_t>(&input) % 7u);
  const int first_line = fuzz::Take<std::int32_t>(&input) & 0x7fffffff;
  // A buffer of its own: a byte too far is seen.
  const std::vector<std::uint8_t> table(input.begin(), input.end());
  const auto runs = cpython::DecodeLineTable(table, first_line, version);
  std::uint32_t end = 0;
  for (const cpython::LineRun& run : runs) {
    MEMWHY_FUZZ_EXPECT(run.begin >= end);
    MEMWHY_FUZZ_EXPECT(run.begin < run.end);
    MEMWHY_FUZZ_EXPECT(run.line >= 0);
    MEMWHY_FUZZ_EXPECT(cpython::LineAt(runs, run.begin, first_line) == run.line);
    MEMWHY_FUZZ_EXPECT(cpython::LineAt(runs, std::int64_t{run.end} - 1, first_line) == run.line);
    end = run.end;
  }
  MEMWHY_FUZZ_EXPECT(cpython::LineAt(runs, -1, first_line) == first_line);
  cpython::LineAt(runs, std::int64_t{1} << 40, first_line);
  return 0;
}
