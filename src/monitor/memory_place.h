// SPDX-License-Identifier: Apache-2.0
//
// Where a piece of another process's memory lies: in which block of glibc's malloc and which arena,
// and how much of it is resident. Read from outside, no stop, no lock. Invariant: a block is only
// told where glibc's own words prove it (the size before it, and the mark behind it that it is in
// use); else `block` is nullopt and `why` says so. Any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace memwhy::monitor {

enum class BlockHome : std::uint8_t {
  kMainArena,  // grows by brk, or by mappings where brk cannot
  kArena,      // a thread's
  kMapping,    // of its own: free() unmaps it
};

struct MallocBlock {
  Bytes usable = 0;
  BlockHome home = BlockHome::kMainArena;
  std::uint64_t arena = 0;  // of kArena
};

struct MemoryPlace {
  std::optional<MallocBlock> block;
  std::string why_no_block;
  std::uint64_t pages = 0;  // that it touches
  std::optional<std::uint64_t> resident;
  std::uint64_t swapped = 0;
  Bytes page_size = 0;
};

// Of [address, address + bytes). An error: nothing of the process can be read.
Result<MemoryPlace> FindMemoryPlace(pid_t pid, std::uint64_t address, Bytes bytes);

}  // namespace memwhy::monitor
