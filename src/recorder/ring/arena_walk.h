// SPDX-License-Identifier: Apache-2.0
//
// What the pools of pymalloc's arenas hold, read from outside while the
// target runs. Invariant: a pool that changes under the walk is counted as unreadable, never
// guessed; pages that are not in memory are not touched. Layout: CPython,
// Include/internal/pycore_obmalloc.h, struct pool_header; the same 48 bytes from 3.8 to 3.14.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/recording.h"

namespace memwhy::recorder {

// The 48 bytes at a pool's start.
struct PoolHeader {
  std::uint32_t ref_count;  // live blocks
  std::uint32_t padding;
  std::uint64_t free_block;
  std::uint64_t next_pool;
  std::uint64_t previous_pool;
  std::uint32_t arena_index;
  std::uint32_t size_index;
  std::uint32_t next_offset;
  std::uint32_t max_next_offset;
};
static_assert(sizeof(PoolHeader) == 48);

// Bytes of live blocks in the pool: 0 when it is unused, nullopt when the header is implausible.
std::optional<Bytes> PoolUse(const PoolHeader& pool, std::uint32_t pool_bytes);

// `arenas` sorted; `pass` gives the resident ranges, where they are known.
std::vector<model::ArenaUse> WalkArenas(pid_t pid, std::span<const std::uint64_t> arenas,
                                        std::uint32_t arena_bytes, std::uint32_t pool_bytes,
                                        const model::MapsPass& pass);

}  // namespace memwhy::recorder
