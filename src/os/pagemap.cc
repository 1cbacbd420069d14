// SPDX-License-Identifier: Apache-2.0
#include "os/pagemap.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace memwhy::os {
namespace {

constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
constexpr std::size_t kEntriesPerRead = 32 * 1024;  // 128 MiB of addresses with 4 KiB pages

}  // namespace

void AppendRuns(std::span<const std::uint64_t> entries, std::uint64_t start, Bytes page_size,
                std::vector<PageRun>& runs) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if ((entries[i] & (kPresent | kSwapped)) == 0) continue;
    const bool is_swapped = (entries[i] & kPresent) == 0;
    const std::uint64_t address = start + i * page_size;
    if (!runs.empty() && runs.back().end == address && runs.back().is_swapped == is_swapped) {
      runs.back().end += page_size;
    } else {
      runs.push_back({address, address + page_size, is_swapped});
    }
  }
}

Pagemap::Pagemap(UniqueFd fd)
    : fd_(std::move(fd)), page_size_(static_cast<Bytes>(sysconf(_SC_PAGESIZE))) {}

Result<Pagemap> Pagemap::Open(pid_t pid) {
  const std::string path = fmt::format("/proc/{}/pagemap", pid);
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno(errno, "open " + path);
  return Pagemap(std::move(fd));
}

Result<std::vector<PageRun>> Pagemap::ReadRuns(std::uint64_t start, std::uint64_t end) const {
  std::vector<PageRun> runs;
  if (end <= start) return runs;
  std::uint64_t page = start / page_size_;
  const std::uint64_t last = (end - 1) / page_size_ + 1;
  // Beyond this there is no user memory ([vsyscall]), and a file offset would overflow.
  if (last > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) / 8) return runs;
  std::vector<std::uint64_t> entries(std::min<std::uint64_t>(last - page, kEntriesPerRead));
  while (page < last) {
    const std::size_t wanted = std::min<std::uint64_t>(last - page, entries.size());
    const ssize_t got = pread(fd_.get(), entries.data(), wanted * 8, static_cast<off_t>(page * 8));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return Error::FromErrno(errno, fmt::format("read pagemap at {:#x}", page * page_size_));
    const std::size_t count = static_cast<std::size_t>(got) / 8;
    if (count == 0) break;  // end of the address space, or the process is gone
    AppendRuns(std::span(entries).first(count), page * page_size_, page_size_, runs);
    page += count;
  }
  return runs;
}

Result<std::vector<PageRun>> ReadPageRuns(pid_t pid, std::uint64_t start, std::uint64_t end) {
  MEMWHY_TRY(const Pagemap pagemap, Pagemap::Open(pid));
  return pagemap.ReadRuns(start, end);
}

}  // namespace memwhy::os
