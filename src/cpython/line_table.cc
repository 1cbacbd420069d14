// SPDX-License-Identifier: Apache-2.0
#include "cpython/line_table.h"

#include <algorithm>
#include <limits>

#include "cpython/line_runs.h"

namespace memwhy::cpython {
namespace {

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

}  // namespace

std::vector<LineRun> DecodeLineTable(std::span<const std::uint8_t> table, int first_line,
                                     unsigned python_version) {
  Runs runs;
  EachLineRun(table, first_line, python_version,
              [&](std::uint32_t begin, std::uint32_t end, std::int64_t line) {
                runs.Append(begin, end, line);
              });
  return runs.Take();
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
