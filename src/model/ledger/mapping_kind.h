// SPDX-License-Identifier: Apache-2.0
//
// What the mappings of a process are for, as far as their names, permissions and neighbours tell.
// Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/ledger/claims.h"
#include "model/recording.h"
#include "model/sites/window_view.h"

namespace memwhy::model {

// glibc's lowest mmap threshold; a smaller block never has a mapping of its own.
inline constexpr std::uint64_t kMmapThreshold = 128 << 10;

enum class MappingKind : std::uint8_t {
  kAnonymous,     // private, no file: claims decide
  kFile,          // a file, a library, the kernel's own pages ([vdso])
  kSharedMemory,  // /dev/shm, memfd, System V, shared anonymous
  kMemwhy,        // the agent's library, the ring
};

MappingKind KindOf(const Mapping& mapping);

// The malloc family and the pymalloc domains, as opposed to mmap, mremap, brk.
bool IsMallocBlock(const LiveBlock& block);

// Heaps of glibc's malloc: [heap], and the heaps of thread arenas, which begin at a multiple of
// 64 MiB and whose unused part up to the next multiple is reserved without access; a heap that is
// used up is recognised by a small live block inside. Sorted, disjoint.
ClaimList FindMallocHeaps(std::span<const Mapping> mappings, std::span<const LiveBlock> blocks);

// Stacks of the threads that live at `time`, from the lower end of the mapping to behind the thread
// control block, and [stack]. `threads` are those of the process.
ClaimList FindThreadStacks(std::span<const Mapping> mappings, std::span<const Thread> threads,
                           std::uint32_t pid, double time);

// Anonymous memory that follows a writable mapping of a library: its .bss. What follows memwhy's
// own library is memwhy's.
ClaimList FindLibraryData(std::span<const Mapping> mappings);

}  // namespace memwhy::model
