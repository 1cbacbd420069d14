// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/mapping_kind.h"

#include <algorithm>

#include "base/strings.h"
#include "model/live/mapping_set.h"
#include "wire/ring.h"

namespace memwhy::model {
namespace {

// glibc malloc/arena.c: HEAP_MAX_SIZE is twice DEFAULT_MMAP_THRESHOLD_MAX, 64 MiB on 64 bits.
constexpr std::uint64_t kGlibcHeapBytes = 64ull << 20;
// The kernel merges .bss with anonymous memory behind it; more than this is no .bss.
constexpr std::uint64_t kLargestBss = 16 << 20;

bool IsAccessible(const Mapping& mapping) {
  return mapping.permissions.size() > 1 && mapping.permissions[1] == 'w';
}

bool IsReserved(const Mapping& mapping) { return StartsWith(mapping.permissions, "---"); }

bool IsShared(const Mapping& mapping) {
  return mapping.permissions.size() > 3 && mapping.permissions[3] == 's';
}

bool HasSmallBlock(std::span<const LiveBlock> blocks, std::uint64_t begin, std::uint64_t end) {
  auto it = std::lower_bound(
      blocks.begin(), blocks.end(), begin,
      [](const LiveBlock& block, std::uint64_t address) { return block.address < address; });
  for (; it != blocks.end() && it->address < end; ++it) {
    if (IsMallocBlock(*it) && it->size < kMmapThreshold && it->address % kOsPage != 16) return true;
  }
  return false;
}

const Mapping* Containing(std::span<const Mapping> mappings, std::uint64_t address) {
  const auto it = std::upper_bound(
      mappings.begin(), mappings.end(), address,
      [](std::uint64_t value, const Mapping& mapping) { return value < mapping.end; });
  return it != mappings.end() && it->begin <= address ? &*it : nullptr;
}

}  // namespace

MappingKind KindOf(const Mapping& mapping) {
  const std::string_view name = mapping.name;
  // Rings lie in /dev/shm where a disk does not keep their pages.
  if (StartsWith(name, "/memfd:memwhy-") || wire::IsRingName(Basename(name))) {
    return MappingKind::kMemwhy;
  }
  if (StartsWith(name, "/dev/shm/") || StartsWith(name, "/memfd:") || StartsWith(name, "/SYSV") ||
      StartsWith(name, "/dev/zero") || StartsWith(name, "[anon_shmem")) {
    return MappingKind::kSharedMemory;
  }
  if (StartsWith(name, "/")) {
    const std::string_view base = Basename(name);
    if (StartsWith(base, "libmemwhy_agent")) return MappingKind::kMemwhy;
    return MappingKind::kFile;
  }
  if (StartsWith(name, "[v")) return MappingKind::kFile;  // vdso, vvar, vsyscall
  if (IsShared(mapping)) return MappingKind::kSharedMemory;
  return MappingKind::kAnonymous;
}

bool IsMallocBlock(const LiveBlock& block) {
  switch (block.allocator) {
    case wire::Allocator::kMmap:
    case wire::Allocator::kMremap:
    case wire::Allocator::kBrk:
    case wire::Allocator::kPymallocArena:
      return false;
    case wire::Allocator::kMalloc:
    case wire::Allocator::kCalloc:
    case wire::Allocator::kRealloc:
    case wire::Allocator::kReallocarray:
    case wire::Allocator::kPosixMemalign:
    case wire::Allocator::kAlignedAlloc:
    case wire::Allocator::kMemalign:
    case wire::Allocator::kValloc:
    case wire::Allocator::kPvalloc:
    case wire::Allocator::kPymemRaw:
    case wire::Allocator::kPymemMem:
    case wire::Allocator::kPymemObj:
      return true;
  }
  return false;
}

ClaimList FindMallocHeaps(std::span<const Mapping> mappings, std::span<const LiveBlock> blocks) {
  ClaimList heaps;
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const Mapping& mapping = mappings[i];
    const bool is_main = mapping.name == "[heap]";
    if (is_main || StartsWith(mapping.name, "[anon: glibc: malloc arena")) {
      heaps.push_back({mapping.begin, mapping.end, ClaimKind::kMallocHeap, true, 0});
      continue;
    }
    if (!mapping.name.empty() || !IsAccessible(mapping)) continue;
    const std::uint64_t first = mapping.begin / kGlibcHeapBytes * kGlibcHeapBytes +
                                (mapping.begin % kGlibcHeapBytes == 0 ? 0 : kGlibcHeapBytes);
    for (std::uint64_t heap = first; heap < mapping.end; heap += kGlibcHeapBytes) {
      const std::uint64_t limit = heap + kGlibcHeapBytes;
      const std::uint64_t end = std::min(limit, mapping.end);
      const bool ends_in_reserve = end < limit && i + 1 < mappings.size() &&
                                   mappings[i + 1].begin == end && mappings[i + 1].end >= limit &&
                                   IsReserved(mappings[i + 1]);
      const bool is_heap = ends_in_reserve || (end == limit && HasSmallBlock(blocks, heap, end));
      if (is_heap) heaps.push_back({heap, end, ClaimKind::kMallocHeap, true, 0});
    }
  }
  return Disjoint(std::move(heaps));
}

ClaimList FindThreadStacks(std::span<const Mapping> mappings, std::span<const Thread> threads,
                           std::uint32_t pid, double time) {
  ClaimList stacks;
  for (const Mapping& mapping : mappings) {
    if (mapping.name == "[stack]" || StartsWith(mapping.name, "[stack:")) {
      stacks.push_back({mapping.begin, mapping.end, ClaimKind::kThreadStack, true, 0});
    }
  }
  for (const Thread& thread : threads) {
    if (thread.tid == pid || (thread.ended_at && *thread.ended_at < time)) continue;
    const bool has_block = thread.thread_pointer != 0;
    const std::uint64_t inside = has_block ? thread.thread_pointer : thread.stack_pointer;
    const Mapping* mapping = inside == 0 ? nullptr : Containing(mappings, inside);
    if (mapping == nullptr || KindOf(*mapping) != MappingKind::kAnonymous) continue;
    if (!IsAccessible(*mapping) || mapping->name == "[heap]") continue;
    // Memory mapped earlier may lie right above and be merged: the stack ends behind the control
    // block (2304 bytes in glibc 2.36).
    std::uint64_t end = mapping->end;
    if (has_block) end = std::min(end, (inside + kOsPage) / kOsPage * kOsPage + kOsPage);
    stacks.push_back({mapping->begin, end, ClaimKind::kThreadStack, true, 0});
  }
  return Disjoint(std::move(stacks));
}

ClaimList FindLibraryData(std::span<const Mapping> mappings) {
  ClaimList data;
  for (std::size_t i = 1; i < mappings.size(); ++i) {
    const Mapping& library = mappings[i - 1];
    const Mapping& mapping = mappings[i];
    const bool is_plain = mapping.name.empty() || StartsWith(mapping.name, "[anon:.bss");
    if (!is_plain || IsShared(mapping) || !IsAccessible(mapping)) continue;
    if (library.end != mapping.begin || !IsAccessible(library) || IsShared(library)) continue;
    const MappingKind kind = KindOf(library);
    if (kind != MappingKind::kFile && kind != MappingKind::kMemwhy) continue;
    const std::uint64_t end = std::min(mapping.end, mapping.begin + kLargestBss);
    data.push_back({mapping.begin, end,
                    kind == MappingKind::kMemwhy ? ClaimKind::kMemwhy : ClaimKind::kLibraryData,
                    true, 0});
  }
  return data;
}

}  // namespace memwhy::model
