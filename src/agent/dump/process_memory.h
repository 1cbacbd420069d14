// SPDX-License-Identifier: Apache-2.0
//
// How much memory this process has, as a clone would have to copy its page tables. No malloc.
#pragma once

#include <cstdint>

namespace memwhy::agent {

struct ProcessMemory {
  std::uint64_t mappings = 0;
  std::uint64_t table_bytes = 0;      // of the page tables
  std::uint64_t file_bytes = 0;       // present pages of files and of shared memory
  std::uint64_t anonymous_bytes = 0;  // in pages of 4 KiB
  std::uint64_t huge_bytes = 0;       // in transparent huge pages
  std::uint64_t pinned_bytes = 0;     // a clone copies these at once; as far as the kernel tells
  bool has_devices = false;           // of drivers, which may pin more than it tells
  bool is_commit_strict = false;      // vm.overcommit_memory is 2: a clone may be refused
};

// What cannot be read stays 0.
ProcessMemory ReadProcessMemory() noexcept;

}  // namespace memwhy::agent
