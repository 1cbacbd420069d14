// SPDX-License-Identifier: Apache-2.0
//
// Finds the guard pages of this process: /proc/self/maps calls them readable, reading them faults.
// glibc has them below threads' stacks since 2.42 (MADV_GUARD_INSTALL). No malloc; one thread.
// Source: Linux Documentation/admin-guide/mm/pagemap.rst (PAGEMAP_SCAN; 6.15 tells of guards).
#pragma once

#include <cstdint>

namespace memwhy::agent {

class GuardPages {
 public:
  GuardPages() noexcept;
  ~GuardPages();
  GuardPages(const GuardPages&) = delete;
  GuardPages& operator=(const GuardPages&) = delete;

  struct Range {
    std::uintptr_t begin;
    std::uintptr_t end;
  };
  // The first run of them in [begin, end), addresses of pages. An empty range at `end`: there is
  // none, or the kernel cannot tell.
  Range FindFirst(std::uintptr_t begin, std::uintptr_t end) noexcept;

 private:
  int fd_;  // /proc/self/pagemap; -1: not told
};

}  // namespace memwhy::agent
