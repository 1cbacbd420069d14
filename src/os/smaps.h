// SPDX-License-Identifier: Apache-2.0
// /proc/PID/smaps: every mapping of a process with its page kinds. The kernel holds the target's
// mmap lock for reading while it writes the text, one buffer at a time. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"

namespace memwhy::os {

struct Vma {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // exclusive
  std::string perms;      // "rw-p"
  std::uint64_t offset = 0;
  std::uint64_t inode = 0;
  std::string name;  // path, "[heap]", "[anon:name]"; empty for plain anonymous memory
  Bytes rss = 0;
  Bytes pss = 0;
  Bytes private_dirty = 0;
  Bytes private_clean = 0;
  Bytes shared_dirty = 0;
  Bytes shared_clean = 0;
  Bytes anonymous = 0;
  Bytes swap = 0;
  Bytes anon_huge_pages = 0;

  Bytes size() const { return end - start; }
  bool is_readable() const { return !perms.empty() && perms[0] == 'r'; }
  bool is_writable() const { return perms.size() > 1 && perms[1] == 'w'; }
  bool is_executable() const { return perms.size() > 2 && perms[2] == 'x'; }
  bool is_shared() const { return perms.size() > 3 && perms[3] == 's'; }
};

// In address order. Lines with an unknown key are skipped; a mapping whose header cannot be read is
// an error. Also parses /proc/PID/maps (all page kinds are 0 then).
Result<std::vector<Vma>> ParseSmaps(std::string_view text);

Result<std::vector<Vma>> ReadSmaps(const FileSystem& fs, pid_t pid);
Result<std::vector<Vma>> ReadMaps(const FileSystem& fs, pid_t pid);

// Sums over all mappings. Where the kernel does not tell pages of files from others in them
// (before Linux 5.3), they are summed from smaps: the private changed pages of files count as
// anonymous there.
struct SmapsRollup {
  Bytes rss = 0;
  Bytes pss = 0;
  Bytes pss_anon = 0;
  Bytes pss_file = 0;
  Bytes pss_shmem = 0;
  Bytes private_clean = 0;
  Bytes private_dirty = 0;
  Bytes swap = 0;
};
Result<SmapsRollup> ReadSmapsRollup(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::os
