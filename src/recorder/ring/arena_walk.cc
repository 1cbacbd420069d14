// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/arena_walk.h"

#include <algorithm>

#include "os/remote_memory.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint32_t kMinPool = 4096;
constexpr std::uint32_t kMaxPool = 1u << 20;
constexpr std::uint32_t kMaxArena = 64u << 20;
constexpr std::size_t kBatch = 4096;  // pools per read

bool IsResident(const std::vector<model::Range>& resident, std::uint64_t address) {
  const auto after = std::upper_bound(
      resident.begin(), resident.end(), address,
      [](std::uint64_t value, const model::Range& range) { return value < range.begin; });
  return after != resident.begin() && address < (after - 1)->end;
}

struct PoolPlace {
  std::size_t arena;  // index into the result
  std::uint64_t address;
};

void ReadBatch(pid_t pid, std::uint32_t pool_bytes, std::span<const PoolPlace> places,
               std::vector<model::ArenaUse>* uses) {
  std::vector<PoolHeader> headers(places.size());
  std::vector<os::RemotePiece> pieces(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    pieces[i].address = places[i].address;
    pieces[i].into = std::as_writable_bytes(std::span(&headers[i], 1));
  }
  const auto read = os::ReadRemote(pid, pieces);
  for (std::size_t i = 0; i < places.size(); ++i) {
    model::ArenaUse& use = (*uses)[places[i].arena];
    if (!read || !pieces[i].is_read) {
      ++use.pools_unreadable;
      continue;
    }
    const auto bytes = PoolUse(headers[i], pool_bytes);
    if (!bytes) {
      ++use.pools_unreadable;
    } else if (*bytes != 0) {
      use.blocks_in_use += *bytes;
      use.pools_in_use += pool_bytes;
    }
  }
}

}  // namespace

std::optional<Bytes> PoolUse(const PoolHeader& pool, std::uint32_t pool_bytes) {
  if (pool.ref_count == 0) return 0;
  if (pool.size_index >= cpython::kPoolSizeClasses) return std::nullopt;
  const Bytes block = (Bytes{pool.size_index} + 1) * cpython::kPoolAlignment;
  const Bytes bytes = Bytes{pool.ref_count} * block;
  if (bytes > pool_bytes - sizeof(PoolHeader)) return std::nullopt;
  return bytes;
}

std::vector<model::ArenaUse> WalkArenas(pid_t pid, std::span<const std::uint64_t> arenas,
                                        std::uint32_t arena_bytes, std::uint32_t pool_bytes,
                                        const model::MapsPass& pass) {
  // The sizes come from the target.
  const bool is_plausible = pool_bytes >= kMinPool && pool_bytes <= kMaxPool &&
                            (pool_bytes & (pool_bytes - 1)) == 0 && arena_bytes >= pool_bytes &&
                            arena_bytes <= kMaxArena;
  if (!is_plausible) return {};
  std::vector<model::ArenaUse> uses;
  std::vector<PoolPlace> batch;
  for (const std::uint64_t arena : arenas) {
    if (arena > ~std::uint64_t{0} - 2 * std::uint64_t{kMaxArena}) continue;
    model::ArenaUse use;
    use.address = arena;
    uses.push_back(use);
    const std::uint64_t first = (arena + pool_bytes - 1) & ~std::uint64_t{pool_bytes - 1};
    for (std::uint64_t pool = first; pool + pool_bytes <= arena + arena_bytes; pool += pool_bytes) {
      if (pass.residency_known && !IsResident(pass.resident, pool)) continue;
      batch.push_back({uses.size() - 1, pool});
      if (batch.size() == kBatch) {
        ReadBatch(pid, pool_bytes, batch, &uses);
        batch.clear();
      }
    }
  }
  if (!batch.empty()) ReadBatch(pid, pool_bytes, batch, &uses);
  return uses;
}

}  // namespace memwhy::recorder
