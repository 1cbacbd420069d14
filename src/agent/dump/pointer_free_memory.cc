// SPDX-License-Identifier: Apache-2.0
#include "agent/dump/pointer_free_memory.h"

#include <fcntl.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "agent/ground/agent.h"
#include "agent/ground/file_lines.h"
#include "agent/ground/page_entry.h"
#include "agent/ground/real_functions.h"
#include "agent/memory/anonymous_memory.h"
#include "agent/memory/live_arenas.h"

namespace memwhy::agent {
namespace {

constexpr std::uintptr_t kPointerFreeMinBytes = 4u << 20;
constexpr std::uintptr_t kPieceBytes = 256u << 10;
constexpr std::size_t kFirstWords = 8;
constexpr std::size_t kBatch = 128;
// Of a table of references at least a sixth is words that lead somewhere: a set's, 3/5 empty. All
// of 64 miss them once in 100,000 times, 1024 never.
constexpr std::size_t kSample = 1024;
constexpr std::size_t kLaterSample = 64;
constexpr std::size_t kMaxRanges = 1024;

bool MayRefer(std::uintptr_t word, const MemoryMap& map) noexcept {
  constexpr std::uintptr_t kMin = 1u << 20;
  return (word & 7) == 0 && word >= kMin && word >> 47 == 0 && map.IsReadable(word, 16);
}

bool IsMallocGlibcs(const MemoryMap& map) noexcept {
  const Mapping* ours = map.Find(reinterpret_cast<std::uintptr_t>(&gnu_get_libc_version));
  const Mapping* mallocs = map.Find(reinterpret_cast<std::uintptr_t>(g_real.malloc));
  return ours != nullptr && mallocs != nullptr && ours->inode != 0 && ours->inode == mallocs->inode;
}

// pymalloc's live ones, sorted. False: no memory.
bool LoadArenas(RawList<std::uintptr_t>& arenas) noexcept {
  bool has_memory = true;
  EachLiveArena([&](std::uintptr_t arena) { has_memory = has_memory && arenas.Push(arena); });
  std::sort(arenas.begin(), arenas.end());
  return has_memory;
}

}  // namespace

PointerFreeMemory::PointerFreeMemory() noexcept
    : pagemap_(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) {}

PointerFreeMemory::~PointerFreeMemory() {
  if (pagemap_ >= 0) close(pagemap_);
}

bool PointerFreeMemory::IsPresent(std::uintptr_t page) const noexcept {
  std::uint64_t entry = 0;
  const ssize_t n =
      pread(pagemap_, &entry, sizeof(entry), static_cast<off_t>(page / kPageBytes * 8));
  return n == sizeof(entry) && (entry & kPageIsPresent) != 0;
}

// Not like an object, and not like a heap of a thread.
bool PointerFreeMemory::BeginsPlain(std::uintptr_t at, const MemoryMap& map) noexcept {
  std::uintptr_t words[kFirstWords];
  if (CopyCarefully(at, words, sizeof(words)) != sizeof(words)) return false;
  for (const std::uintptr_t word : words) {
    if (MayRefer(word, map)) return false;
  }
  return true;
}

bool PointerFreeMemory::Look(std::uintptr_t begin, std::uintptr_t end, std::uintptr_t stride,
                             bool with_heads, const MemoryMap& map, std::size_t* present) noexcept {
  constexpr std::size_t kEntries = 64;
  *present = 0;
  iovec from[kBatch];
  std::uintptr_t words[kFirstWords * kBatch];
  std::size_t parts = 0;
  std::size_t bytes = 0;
  const auto add = [&](std::uintptr_t at, std::size_t count) {
    from[parts++] = {reinterpret_cast<void*>(at), count * 8};
    bytes += count * 8;
  };
  const auto is_plain = [&] {
    const bool is_whole = CopyPiecesCarefully(from, parts, words, bytes) == bytes;
    const bool leads = std::any_of(words, words + bytes / 8,
                                   [&](std::uintptr_t word) { return MayRefer(word, map); });
    parts = bytes = 0;
    return is_whole && !leads;
  };
  std::uint64_t entries[kEntries];
  std::uintptr_t first = end;  // page of entries[0]
  std::size_t got = 0;
  for (std::uintptr_t page = begin; page < end; page += stride * kPageBytes) {
    if (page < first || page >= first + got * kPageBytes) {
      const std::size_t wanted = stride < kEntries ? kEntries : 1;
      const ssize_t n =
          pread(pagemap_, entries, wanted * 8, static_cast<off_t>(page / kPageBytes * 8));
      if (n < 8) return false;
      first = page;
      got = static_cast<std::size_t>(n) / 8;
    }
    if ((entries[(page - first) / kPageBytes] & kPageIsPresent) == 0) continue;
    ++*present;
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    if (with_heads) add(page, kFirstWords);
    // Between the heads of all pages fewer will do.
    if (!with_heads || *present % 8 == 0) add(page + (random_ >> 32) % (kPageBytes / 8) * 8, 1);
    if (parts + 2 > std::size(from) && !is_plain()) return false;
  }
  return parts == 0 || is_plain();
}

void PointerFreeMemory::Judge(const AnonymousPart& part, const MemoryMap& map) noexcept {
  // The kernel shows mappings that others made as one: each piece may be something else, and begin
  // at any page.
  const bool is_one = part.kind == AnonymousPart::kChunk;
  PlainRange open{part.begin, part.begin, 0, 0};
  for (std::uintptr_t begin = part.begin; begin < part.end;) {
    const std::uintptr_t end = is_one ? part.end : std::min(part.end, begin + kPieceBytes);
    const std::uintptr_t pages = (end - begin) / kPageBytes;
    const std::uintptr_t stride = is_one && pages > kSample ? pages / kSample : 1;
    std::size_t present = 0;
    if ((!is_one || BeginsPlain(begin, map)) && Look(begin, end, stride, !is_one, map, &present) &&
        present * 2 >= pages / stride) {
      open.end = end;
      open.present_bytes += present * stride * kPageBytes;
    } else {
      Push(open);
      open = {end, end, 0, 0};
    }
    begin = end;
  }
  Push(open);
}

void PointerFreeMemory::Push(const PlainRange& range) noexcept {
  if (range.end - range.begin < kPointerFreeMinBytes || ranges_.count() == kMaxRanges) return;
  // What is not in the list is cloned: a longer pause, nothing is lost.
  static_cast<void>(ranges_.Push(range));
}

// Of /proc/self/smaps: "begin-end perms...", "Rss:  8 kB", "VmFlags: rd wr dc".
void PointerFreeMemory::ReadAdvice() noexcept {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uintptr_t huge = 0;
  std::uintptr_t resident = 0;
  kept_back_bytes_ = 0;
  kept_back_.Clear();
  bool has_memory = true;
  EachLine("/proc/self/smaps", [&](const char* line, const char*) {
    char* at = nullptr;
    if (line[0] >= 'A' && line[0] <= 'Z') {
      if (std::strncmp(line, "Rss:", 4) == 0) {
        resident = std::strtoull(line + 4, nullptr, 10) * 1024;
      } else if (std::strncmp(line, "AnonHugePages:", 14) == 0) {
        huge = std::strtoull(line + 14, nullptr, 10) * 1024;
      }
      if (std::strncmp(line, "VmFlags:", 8) != 0) return;
      const bool is_kept_back = std::strstr(line, " dc") != nullptr;
      if (is_kept_back) {
        has_memory = has_memory && kept_back_.Push({begin, end});
        kept_back_bytes_ += resident;
      }
      for (PlainRange& range : ranges_) {
        if (range.begin >= end || range.end <= begin) continue;
        if (is_kept_back) range.present_bytes = 0;
        range.huge_bytes +=
            std::min<std::uintptr_t>(huge, std::min(range.end, end) - std::max(range.begin, begin));
      }
      return;
    }
    begin = std::strtoull(line, &at, 16);
    end = *at == '-' ? std::strtoull(at + 1, nullptr, 16) : begin;
    huge = resident = 0;
  });
  // Without the whole list nothing is touched: the target's own advice would be undone.
  Filter([&](const PlainRange& range) { return has_memory && range.present_bytes != 0; });
}

bool PointerFreeMemory::IsKeptBack(std::uintptr_t begin, std::uintptr_t end) const noexcept {
  return std::any_of(kept_back_.begin(), kept_back_.end(), [&](const MemoryRange& range) {
    return range.begin < end && begin < range.end;
  });
}

void PointerFreeMemory::Find(const MemoryMap& map) noexcept {
  ranges_.Clear();
  random_ = 0x9e3779b97f4a7c15ull;
  if (pagemap_ < 0 || !IsMallocGlibcs(map)) return;
  RawList<std::uintptr_t> arenas;
  AnonymousMemory memory;
  const bool is_loaded =
      LoadArenas(arenas) &&
      memory.Load(map, {arenas.begin(), arenas.count(),
                        g_agent.ring == nullptr ? 0 : g_agent.ring->arena_bytes});
  arenas.Release();
  if (!is_loaded) return;
  for (std::size_t i = 0; i < memory.count(); ++i) {
    const AnonymousPart& part = memory.at(i);
    if (part.end - part.begin >= kPointerFreeMinBytes) Judge(part, map);
  }
  ReadAdvice();
}

bool PointerFreeMemory::IsStillPlain(const PlainRange& range, const MemoryMap& map) noexcept {
  const std::uintptr_t stride = (range.end - range.begin) / kPageBytes / kLaterSample;
  std::size_t present = 0;
  return BeginsPlain(range.begin, map) &&
         Look(range.begin, range.end, stride, false, map, &present) && present * 2 >= kLaterSample;
}

}  // namespace memwhy::agent
