// SPDX-License-Identifier: Apache-2.0
// /proc/PID/pagemap: which pages of a range are in memory or in swap. Needs the right to trace the
// process; where it is missing the Result says so and the caller goes on without. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace memwhy::os {

// [start, end) of pages that are all in memory, or all in swap.
struct PageRun {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  bool is_swapped = false;

  Bytes size() const { return end - start; }
  bool operator==(const PageRun&) const = default;
};

// Appends the runs of entries (one 64-bit word per page, from address start on) to runs, merging
// with a last run that ends at start.
void AppendRuns(std::span<const std::uint64_t> entries, std::uint64_t start, Bytes page_size,
                std::vector<PageRun>& runs);

// Keeps the file open for many ranges.
class Pagemap {
 public:
  static Result<Pagemap> Open(pid_t pid);

  // Runs in address order. The range is widened to whole pages.
  Result<std::vector<PageRun>> ReadRuns(std::uint64_t start, std::uint64_t end) const;

 private:
  explicit Pagemap(UniqueFd fd);

  UniqueFd fd_;
  Bytes page_size_;
};

// One range of one process.
Result<std::vector<PageRun>> ReadPageRuns(pid_t pid, std::uint64_t start, std::uint64_t end);

}  // namespace memwhy::os
