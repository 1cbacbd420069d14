// SPDX-License-Identifier: Apache-2.0
//
// What glibc's malloc heaps of another process hold, read from outside while it runs: chunk after
// chunk by their sizes (glibc malloc/malloc.c), no lock, no stop. Invariant: only resident memory
// is read, so nothing is brought in from swap; what changed under the walk or was beyond its time
// is `unwalked`, never guessed. All numbers are resident bytes. Any thread.
//
// In use counts chunks with their headers; chunks of the fast bins (160 bytes at most) look as if
// in use.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <span>

#include "base/bytes.h"
#include "model/ledger/claims.h"

namespace memwhy::monitor {

struct MallocUse {
  Bytes in_use = 0;
  Bytes free_chunks = 0;  // in the arenas' bins
  Bytes tcache = 0;       // freed, kept by a thread for itself; not in in_use
  Bytes top = 0;          // behind the last chunk of a heap
  Bytes unwalked = 0;
  Bytes trimmable = 0;  // of free_chunks and the main heap's top: what malloc_trim(0) would return
  std::uint64_t heaps = 0;
  std::uint64_t free_count = 0;

  Bytes total() const { return in_use + free_chunks + tcache + top + unwalked; }
};

// Reads [address, address + into.size()) of the process; false where that cannot be done.
using ReadMemory = std::function<bool(std::uint64_t address, std::span<std::byte> into)>;
// False: the time is over.
using MayGoOn = std::function<bool()>;

// `heaps` as FindMallocHeaps gives them; `main_heap`: the one that brk made ([heap]), 0 none.
MallocUse WalkMallocHeaps(const model::ClaimList& heaps, std::uint64_t main_heap,
                          const model::Residency& residency, const ReadMemory& read,
                          const MayGoOn& may_go_on);

}  // namespace memwhy::monitor
