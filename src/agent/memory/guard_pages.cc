// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/guard_pages.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace memwhy::agent {
namespace {

// struct pm_scan_arg and page_region of <linux/fs.h>, which is newer than the headers of those who
// build this.
struct ScanArguments {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t regions;
  std::uint64_t region_count;
  std::uint64_t max_pages;
  std::uint64_t inverted;
  std::uint64_t mask;
  std::uint64_t any_of;
  std::uint64_t returned;
};

struct Region {
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t categories;
};

constexpr unsigned long kScan = _IOWR('f', 16, ScanArguments);
constexpr std::uint64_t kIsGuard = 1u << 8;  // PAGE_IS_GUARD

}  // namespace

GuardPages::GuardPages() noexcept : fd_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}

GuardPages::~GuardPages() {
  if (fd_ >= 0) close(fd_);
}

GuardPages::Range GuardPages::FindFirst(std::uintptr_t begin, std::uintptr_t end) noexcept {
  if (fd_ < 0) return {end, end};
  Region region{};
  ScanArguments scan{};
  scan.size = sizeof(scan);
  scan.start = begin;
  scan.end = end;
  scan.regions = reinterpret_cast<std::uintptr_t>(&region);
  scan.region_count = 1;
  scan.mask = kIsGuard;
  scan.returned = kIsGuard;
  const long found = syscall(SYS_ioctl, fd_, kScan, &scan);
  if (found < 0) {  // an older kernel: it will say the same each time
    close(fd_);
    fd_ = -1;
  }
  return found == 1 ? Range{region.start, region.end} : Range{end, end};
}

}  // namespace memwhy::agent
