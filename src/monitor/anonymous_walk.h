// SPDX-License-Identifier: Apache-2.0
//
// What plain anonymous memory of another process is, told by what stands in it: blocks that glibc's
// malloc mapped one by one begin with their size and a mark; pools of CPython's pymalloc have a
// header whose fields agree with each other. Read from outside while the process runs, resident
// pages only; what agrees with neither stays `rest`. All numbers are resident bytes. Any thread.
#pragma once

#include <span>

#include "model/recording.h"
#include "monitor/malloc_walk.h"

namespace memwhy::monitor {

struct AnonymousUse {
  Bytes mapped_blocks = 0;    // glibc's malloc, with headers
  Bytes pymalloc_in_use = 0;  // live blocks of pools
  Bytes pymalloc_free = 0;    // headers, free blocks and free pools
  Bytes rest = 0;
  Bytes unwalked = 0;  // beyond the time
  std::uint64_t pools = 0;
};

// `ranges`: sorted, disjoint, of whole pages.
AnonymousUse WalkAnonymous(std::span<const model::Range> ranges, const model::Residency& residency,
                           const ReadMemory& read, const MayGoOn& may_go_on);

}  // namespace memwhy::monitor
