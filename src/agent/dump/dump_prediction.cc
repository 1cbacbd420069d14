// SPDX-License-Identifier: Apache-2.0
#include "agent/dump/dump_prediction.h"

#include <cstddef>

#include "agent/dump/heap_dump.h"
#include "agent/ground/agent.h"
#include "agent/memory/live_arenas.h"
#include "agent/python/python_api.h"

namespace memwhy::agent {
namespace {

constexpr double kMiB = 1024 * 1024;
// Measured on idle machines of 2 cores: docs/benchmarks.md. Only first guesses: the poster measures
// the first one on this machine, and a walk in place tells the second for the next.
constexpr std::uint64_t kUsualCloneNsPerMiB = 16'000;
constexpr std::uint64_t kHugePageGain = 45;           // a clone shares huge pages that much faster
constexpr std::uint64_t kPinnedNsPerMiB = 2'600'000;  // copied at once, page by page
constexpr std::uint64_t kFixedNs = 300'000;
// benchmarks/dump_pause, cases mappings and sparse: for each mapping, and for each page table
// beyond those that full pages need.
constexpr std::uint64_t kMappingNs = 2'000;
constexpr std::uint64_t kSparseTableNs = 3'500;
constexpr std::uint64_t kTablePages = 512;
// Of pymalloc's blocks in use; of a dump, of a census.
std::uint64_t g_walk_ns_per_block[2] = {120, 120};
// Of this process's last clones, the newest first; 0: there was none.
std::uint64_t g_clone_ns_per_mib[2] = {};
constexpr std::uint64_t kFixedBytes = 8u << 20;

std::uint64_t Scale(std::uint64_t bytes, std::uint64_t ns_per_mib) noexcept {
  return static_cast<std::uint64_t>(static_cast<double>(bytes) / kMiB *
                                    static_cast<double>(ns_per_mib));
}

// What a clone takes whatever the pages are.
std::uint64_t FixedPause(const ProcessMemory& memory) noexcept {
  constexpr std::uint64_t kPageBytes = 4096;
  const std::uint64_t tables = memory.table_bytes / kPageBytes;
  const std::uint64_t pages =
      (memory.anonymous_bytes + memory.huge_bytes + memory.file_bytes) / kPageBytes;
  const std::uint64_t needed = pages / kTablePages;
  const std::uint64_t sparse = tables > needed ? tables - needed : 0;
  return kFixedNs + memory.mappings * kMappingNs + sparse * kSparseTableNs;
}

// The clones of this process know its memory better than who measured another's, but each may have
// been interrupted, or have found few pages written: the middle of the three, or of two the mean.
std::uint64_t CloneRate(std::uint64_t measured) noexcept {
  const std::uint64_t usual = measured == 0 ? kUsualCloneNsPerMiB : measured;
  const auto near = [usual](std::uint64_t rate) {
    return rate < usual / 2 ? usual / 2 : rate > usual * 2 ? usual * 2 : rate;
  };
  if (g_clone_ns_per_mib[0] == 0) return usual;
  const std::uint64_t last = near(g_clone_ns_per_mib[0]);
  if (g_clone_ns_per_mib[1] == 0) return (usual + last) / 2;
  const std::uint64_t before = near(g_clone_ns_per_mib[1]);
  const std::uint64_t less = last < before ? last : before;
  const std::uint64_t more = last < before ? before : last;
  return usual < less ? less : usual > more ? more : usual;
}

}  // namespace

std::uint64_t BlocksInUse() noexcept {
  constexpr std::uint64_t kUsualBlockBytes = 64;
  if (g_python_api.GetAllocatedBlocks != nullptr) {
    const std::ptrdiff_t blocks = g_python_api.GetAllocatedBlocks();
    return blocks < 0 ? 0 : static_cast<std::uint64_t>(blocks);
  }
  // 3.12 and later keep their count to themselves.
  std::uint64_t arenas = 0;
  EachLiveArena([&](std::uintptr_t) { ++arenas; });
  return arenas == 0 ? 0 : arenas * g_agent.ring->arena_bytes / kUsualBlockBytes;
}

void NoteClone(const ProcessMemory& memory, std::uint64_t pause_ns) noexcept {
  constexpr double kMinMiB = 64;  // of less the fixed part is most
  const double mib =
      static_cast<double>(memory.anonymous_bytes + memory.huge_bytes / kHugePageGain) / kMiB;
  const std::uint64_t fixed = FixedPause(memory);
  if (mib < kMinMiB || memory.pinned_bytes != 0 || pause_ns <= fixed) return;
  g_clone_ns_per_mib[1] = g_clone_ns_per_mib[0];
  g_clone_ns_per_mib[0] = static_cast<std::uint64_t>(static_cast<double>(pause_ns - fixed) / mib);
}

DumpPrediction PredictDump(const HeapDumpOptions& options, const ProcessMemory& memory,
                           std::uint64_t blocks) noexcept {
  const std::uint64_t rate = CloneRate(options.clone_ns_per_mib);
  const std::uint64_t all = memory.anonymous_bytes + memory.huge_bytes;
  // Marks: 1 KiB for 64 KiB.
  const std::uint64_t marks = all / 64;
  DumpPrediction clone{DumpMethod::kClone,
                       options.gil_wait_ns + FixedPause(memory) +
                           Scale(memory.anonymous_bytes, rate) +
                           Scale(memory.huge_bytes, rate / kHugePageGain) +
                           Scale(memory.pinned_bytes, kPinnedNsPerMiB),
                       // Page tables, of two clones if there may be two, what is marked, and a
                       // tenth of the pages written meanwhile.
                       kFixedBytes + all / 512 * (options.may_split ? 2 : 1) + marks +
                           memory.pinned_bytes + all / 10};
  const DumpPrediction in_place{
      DumpMethod::kInPlace,
      options.gil_wait_ns + kFixedNs + blocks * g_walk_ns_per_block[options.is_census ? 1 : 0],
      kFixedBytes + marks};
  if (options.in_place) return in_place;
  // Pinned pages would be copied under everyone's feet.
  if (memory.pinned_bytes != 0 && clone.pause_ns > in_place.pause_ns) return in_place;
  if (options.headroom_bytes != 0 && clone.bytes > options.headroom_bytes) return in_place;
  return clone;
}

void NoteWalk(const HeapDumpOptions& options, std::uint64_t blocks,
              std::uint64_t pause_ns) noexcept {
  constexpr std::uint64_t kMinBlocks = 10'000;  // of less the fixed part is most
  if (blocks <= kMinBlocks) return;
  g_walk_ns_per_block[options.is_census ? 1 : 0] = pause_ns / blocks;
}

}  // namespace memwhy::agent
