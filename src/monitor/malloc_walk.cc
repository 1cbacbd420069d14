// SPDX-License-Identifier: Apache-2.0
#include "monitor/malloc_walk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "monitor/remote_window.h"

namespace memwhy::monitor {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAlign = 16;
constexpr std::uint64_t kSmallest = 32;
constexpr std::uint64_t kFlags = 7;
constexpr std::uint64_t kPreviousInUse = 1;
constexpr std::uint64_t kHeader = 16;  // the previous chunk's size and the size
// Behind these of a free chunk malloc_trim begins to give pages back.
constexpr std::uint64_t kFreeHead = 48;
// A heap of a thread's arena begins with heap_info and malloc_state, 0x8d0 bytes or so.
constexpr std::uint64_t kLargestHead = 0x1000;
constexpr std::uint64_t kProof = 16;  // chunks that must make sense
constexpr int kAttempts = 3;
constexpr Bytes kFencePosts = 64;

// tcache_perthread_struct of glibc 2.30 to 2.41: 64 counts of 16 bits, 64 heads of lists.
constexpr std::uint64_t kCacheChunk = 0x290;
constexpr std::size_t kCacheBins = 64;

class HeapWalk {
 public:
  HeapWalk(RemoteWindow& window, const model::Residency& residency, const MayGoOn& may_go_on,
           MallocUse* use)
      : window_(window), residency_(residency), may_go_on_(may_go_on), use_(use) {}

  void Walk(const model::Claim& heap, bool is_main) {
    begin_ = heap.begin;
    end_ = heap.end;
    if (!is_main) {
      // heap_info: the arena, the heap before, the size; what lies behind was given back.
      const auto size = window_.Get<std::uint64_t>(begin_ + 16);
      if (size && *size >= kPage && *size % kPage == 0 && *size < end_ - begin_) {
        end_ = begin_ + *size;
      }
    }
    const Bytes resident = residency_.BytesIn(begin_, end_);
    if (resident == 0) return;
    const MallocUse before = *use_;
    const std::size_t candidates = cache_candidates_.size();
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      *use_ = before;
      cache_candidates_.resize(candidates);
      ++use_->heaps;
      window_.Forget();
      const auto first = FirstChunk(is_main);
      const std::uint64_t stopped = first ? Chunks(*first, is_main) : begin_;
      const Bytes unwalked = stopped < end_ ? residency_.BytesIn(stopped, end_) : 0;
      use_->unwalked += unwalked;
      const Bytes taken =
          use_->free_chunks + use_->top - before.free_chunks - before.top + unwalked;
      use_->in_use += resident > taken ? resident - taken : 0;
      // The target may have changed a chunk between two reads: once more.
      // A full heap ends with fence posts of 16 bytes.
      if (unwalked <= kFencePosts || !may_go_on_()) return;
    }
  }

  // Caches of threads, found among the chunks that have their size.
  void Caches() {
    for (const std::uint64_t chunk : cache_candidates_) {
      const Bytes bytes = CacheAt(chunk + kHeader);
      use_->tcache += bytes;
    }
    use_->tcache = std::min(use_->tcache, use_->in_use);
    use_->in_use -= use_->tcache;
  }

 private:
  // The size of a chunk with its flags, where it makes sense in this heap.
  std::optional<std::uint64_t> SizeAt(std::uint64_t chunk) {
    const auto word = window_.Get<std::uint64_t>(chunk + 8);
    if (!word) return std::nullopt;
    const std::uint64_t size = *word & ~kFlags;
    if (size < kSmallest || size % kAlign != 0 || size > end_ - chunk) return std::nullopt;
    return word;
  }

  std::optional<std::uint64_t> FirstChunk(bool is_main) {
    const std::uint64_t last = is_main ? begin_ + kAlign : begin_ + kLargestHead;
    for (std::uint64_t at = begin_; at <= last && at + kHeader <= end_; at += kAlign) {
      // The first chunk has no one before it that could be free.
      const auto word = SizeAt(at);
      if (!word || (*word & kPreviousInUse) == 0) continue;
      std::uint64_t chunk = at;
      std::uint64_t count = 0;
      while (chunk < end_ && count < kProof) {
        const auto size = SizeAt(chunk);
        if (!size) break;
        chunk += *size & ~kFlags;
        ++count;
      }
      if (chunk >= end_ || count == kProof) return at;
    }
    return std::nullopt;
  }

  // Where the walk ended.
  std::uint64_t Chunks(std::uint64_t chunk, bool is_main) {
    std::uint64_t steps = 0;
    while (chunk < end_) {
      if (++steps % 4096 == 0 && !may_go_on_()) return chunk;
      const auto word = SizeAt(chunk);
      if (!word) return chunk;
      const std::uint64_t size = *word & ~kFlags;
      const std::uint64_t next = chunk + size;
      if (next == end_) {
        Top(chunk, is_main);
        return end_;
      }
      // The last chunk of a heap may be followed by fence posts, which no size leads beyond.
      const auto next_word = end_ - next >= kHeader ? window_.Get<std::uint64_t>(next + 8)
                                                    : std::optional<std::uint64_t>{};
      if (!next_word) return chunk;
      if ((*next_word & kPreviousInUse) == 0) {
        Free(chunk, size);
      } else if (size == kCacheChunk) {
        cache_candidates_.push_back(chunk);
      }
      chunk = next;
    }
    return end_;
  }

  void Top(std::uint64_t chunk, bool is_main) {
    const Bytes resident = residency_.BytesIn(chunk, end_);
    use_->top += resident;
    if (is_main) use_->trimmable += WholePages(chunk + kHeader, end_);
  }

  void Free(std::uint64_t chunk, std::uint64_t size) {
    use_->free_chunks += residency_.BytesIn(chunk, chunk + size);
    ++use_->free_count;
    if (size > kPage) use_->trimmable += WholePages(chunk + kFreeHead, chunk + size);
  }

  Bytes WholePages(std::uint64_t begin, std::uint64_t end) const {
    begin = (begin + kPage - 1) / kPage * kPage;
    end = end / kPage * kPage;
    return begin < end ? residency_.BytesIn(begin, end) : 0;
  }

  // Bytes of the chunks in a thread's cache; 0 where that block is something else.
  Bytes CacheAt(std::uint64_t address) {
    struct Cache {
      std::array<std::uint16_t, kCacheBins> counts;
      std::array<std::uint64_t, kCacheBins> heads;
    };
    static_assert(sizeof(Cache) == kCacheChunk - kHeader);
    const auto cache = window_.Get<Cache>(address);
    if (!cache) return 0;
    Bytes bytes = 0;
    bool is_empty = true;
    for (std::size_t bin = 0; bin < kCacheBins; ++bin) {
      const std::uint64_t head = cache->heads[bin];
      const std::uint64_t count = cache->counts[bin];
      if ((head == 0) != (count == 0) || head % kAlign != 0 || count > 4096) return 0;
      if (count == 0) continue;
      is_empty = false;
      // The block at the head has the size of its bin.
      const std::uint64_t size = kSmallest + bin * kAlign;
      const auto word = head >= kHeader ? window_.Get<std::uint64_t>(head - 8) : std::nullopt;
      if (!word || (*word & ~kFlags) != size) return 0;
      bytes += size * count;
    }
    return is_empty ? 0 : bytes;
  }

  RemoteWindow& window_;
  const model::Residency& residency_;
  const MayGoOn& may_go_on_;
  MallocUse* use_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::uint64_t> cache_candidates_;
};

}  // namespace

MallocUse WalkMallocHeaps(const model::ClaimList& heaps, std::uint64_t main_heap,
                          const model::Residency& residency, const ReadMemory& read,
                          const MayGoOn& may_go_on) {
  MallocUse use;
  RemoteWindow window(read, residency);
  HeapWalk walk(window, residency, may_go_on, &use);
  for (const model::Claim& heap : heaps) walk.Walk(heap, heap.begin == main_heap);
  walk.Caches();
  return use;
}

}  // namespace memwhy::monitor
