// SPDX-License-Identifier: Apache-2.0
//
// What the pools of pymalloc's arenas hold, read from outside while the
// target runs. Invariant: a pool that changes under the walk is counted as unreadable, never
// guessed; pages that are not in memory are not touched.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cpython/object_offsets.h"
#include "model/recording.h"

namespace memwhy::recorder {

// What lies at a pool's start: struct pool_header.
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
static_assert(sizeof(PoolHeader) == cpython::kPoolHeaderBytes);
static_assert(offsetof(PoolHeader, ref_count) == cpython::kPoolCount);
static_assert(offsetof(PoolHeader, size_index) == cpython::kPoolSizeClass);

// Bytes of live blocks in the pool: 0 when it is unused, nullopt when the header is implausible.
std::optional<Bytes> PoolUse(const PoolHeader& pool, std::uint32_t pool_bytes);

// `arenas` sorted; `pass` gives the resident ranges, where they are known.
std::vector<model::ArenaUse> WalkArenas(pid_t pid, std::span<const std::uint64_t> arenas,
                                        std::uint32_t arena_bytes, std::uint32_t pool_bytes,
                                        const model::MapsPass& pass);

}  // namespace memwhy::recorder
