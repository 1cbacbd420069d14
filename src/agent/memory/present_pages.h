// SPDX-License-Identifier: Apache-2.0
//
// Walks over the pages of a range that are there: a mapping may be reserved for ever and never
// touched, and guard pages (MADV_GUARD_INSTALL) must not be. Without /proc/self/pagemap all pages.
// Of shared memory a clone has no page tables yet, so the kernel is asked what the file has.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "agent/ground/page_entry.h"

namespace memwhy::agent {

class PresentPages {
 public:
  PresentPages() noexcept : fd_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}
  ~PresentPages() {
    if (fd_ >= 0) close(fd_);
  }
  PresentPages(const PresentPages&) = delete;
  PresentPages& operator=(const PresentPages&) = delete;

  // each(begin, end) for the parts of [begin, end), page by page.
  template <typename Visit>
  void Each(std::uintptr_t begin, std::uintptr_t end, const Visit& each) noexcept {
    for (std::uintptr_t at = begin & ~(kPageBytes - 1); at < end; at += kChunkPages * kPageBytes) {
      const std::uintptr_t left = (end - at + kPageBytes - 1) / kPageBytes;
      const std::uintptr_t wanted = left < kChunkPages ? left : kChunkPages;
      const ssize_t n =
          fd_ < 0 ? -1 : pread(fd_, entries_, wanted * 8, static_cast<off_t>(at / kPageBytes * 8));
      const std::uintptr_t got = n < 0 ? 0 : static_cast<std::uintptr_t>(n) / 8;
      for (std::uintptr_t i = 0; i < wanted; ++i) {
        if (i < got && ((entries_[i] & (kPageIsPresent | kPageIsSwapped)) == 0 ||
                        (entries_[i] & kPageIsGuard) != 0)) {
          continue;
        }
        const std::uintptr_t page = at + i * kPageBytes;
        const std::uintptr_t page_end = page + kPageBytes;
        each(page < begin ? begin : page, page_end < end ? page_end : end);
      }
    }
  }

  // Likewise, for whole pages of shared memory; those that cannot be told are left out.
  template <typename Visit>
  static void EachShared(std::uintptr_t begin, std::uintptr_t end, const Visit& each) noexcept {
    unsigned char is_resident[kChunkPages];
    for (std::uintptr_t at = begin; at < end; at += kChunkPages * kPageBytes) {
      const std::uintptr_t left = (end - at) / kPageBytes;
      const std::uintptr_t count = left < kChunkPages ? left : kChunkPages;
      if (syscall(SYS_mincore, at, count * kPageBytes, is_resident) != 0) return;
      for (std::uintptr_t i = 0; i < count; ++i) {
        const std::uintptr_t page = at + i * kPageBytes;
        if ((is_resident[i] & 1) != 0) each(page, page + kPageBytes);
      }
    }
  }

 private:
  static constexpr std::uintptr_t kChunkPages = 512;

  int fd_;
  std::uint64_t entries_[kChunkPages];
};

}  // namespace memwhy::agent
