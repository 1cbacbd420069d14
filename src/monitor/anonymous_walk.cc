// SPDX-License-Identifier: Apache-2.0
#include "monitor/anonymous_walk.h"

#include <algorithm>
#include <optional>

#include "monitor/remote_window.h"

namespace memwhy::monitor {
namespace {

constexpr std::uint64_t kOnePage = 4096;

// CPython, Include/internal/pycore_obmalloc.h, struct pool_header: the same from 3.8 to 3.14.
struct PyPool {
  std::uint32_t count;  // live blocks
  std::uint32_t padding;
  std::uint64_t free_block;
  std::uint64_t next_pool;
  std::uint64_t previous_pool;
  std::uint32_t arena_index;
  std::uint32_t size_index;
  std::uint32_t next_offset;
  std::uint32_t max_next_offset;
};
static_assert(sizeof(PyPool) == 48);

constexpr std::uint32_t kBlockAlign = 16;
constexpr std::uint32_t kClasses = 32;
// 16 KiB from 3.10 on, 4 KiB before; 1 MiB with huge pages is not built by anybody.
constexpr std::uint64_t kPoolSizes[] = {16384, 4096};

// Bytes of live blocks, where all fields agree with a pool of this size at this address.
std::optional<Bytes> UseOfPool(const PyPool& pool, std::uint64_t address, std::uint64_t size) {
  if (address % size != 0 || pool.padding != 0 || pool.size_index >= kClasses) return std::nullopt;
  const std::uint32_t block = (pool.size_index + 1) * kBlockAlign;
  // Set once, from the sizes alone.
  if (pool.max_next_offset != size - block) return std::nullopt;
  const std::uint32_t first = sizeof(PyPool);
  if (pool.next_offset < first + block || pool.next_offset > size) return std::nullopt;
  if ((pool.next_offset - first) % block != 0) return std::nullopt;
  if (pool.count > (size - first) / block) return std::nullopt;
  const bool has_free = pool.free_block != 0;
  if (has_free && (pool.free_block <= address || pool.free_block >= address + size)) {
    return std::nullopt;
  }
  return Bytes{pool.count} * block;
}

class AnonymousWalk {
 public:
  AnonymousWalk(const model::Residency& residency, const ReadMemory& read, const MayGoOn& may_go_on)
      : window_(read, residency), residency_(residency), may_go_on_(may_go_on) {}

  void Walk(const model::Range& range) {
    std::uint64_t at = range.begin;
    std::uint64_t steps = 0;
    while (at < range.end) {
      if (is_over_ || (++steps % 256 == 0 && !may_go_on_())) {
        is_over_ = true;
        use_.unwalked += residency_.BytesIn(at, range.end);
        return;
      }
      const Bytes resident = residency_.BytesIn(at, at + kOnePage);
      if (resident == 0) {
        at += kOnePage;
        // Large holes: at once.
        while (at < range.end && residency_.BytesIn(at, std::min(range.end, at + kHole)) == 0) {
          at = std::min(range.end, at + kHole);
        }
        continue;
      }
      if (const std::uint64_t size = MappedBlock(at, range.end)) {
        use_.mapped_blocks += residency_.BytesIn(at, at + size);
        at += size;
      } else if (const std::uint64_t pool = Pool(at, range.end)) {
        at += pool;
      } else {
        use_.rest += resident;
        at += kOnePage;
      }
    }
  }

  AnonymousUse Take() const { return use_; }

 private:
  static constexpr std::uint64_t kHole = std::uint64_t{2} << 20;

  // The size of a block with a mapping of its own, 0: there is none.
  std::uint64_t MappedBlock(std::uint64_t at, std::uint64_t end) {
    struct Head {
      std::uint64_t before;  // what alignment left in front of it
      std::uint64_t size;
    };
    constexpr std::uint64_t kIsMapped = 2;
    const auto head = window_.Get<Head>(at);
    if (!head || head->before != 0 || (head->size & (kOnePage - 1)) != kIsMapped) return 0;
    const std::uint64_t size = head->size - kIsMapped;
    return size > 0 && size <= end - at ? size : 0;
  }

  std::uint64_t Pool(std::uint64_t at, std::uint64_t end) {
    const auto pool = window_.Get<PyPool>(at);
    if (!pool) return 0;
    for (const std::uint64_t size : kPoolSizes) {
      if (size > end - at) continue;
      const auto in_use = UseOfPool(*pool, at, size);
      if (!in_use) continue;
      const Bytes resident = residency_.BytesIn(at, at + size);
      const Bytes used = std::min(*in_use, resident);
      use_.pymalloc_in_use += used;
      use_.pymalloc_free += resident - used;
      ++use_.pools;
      return size;
    }
    return 0;
  }

  RemoteWindow window_;
  const model::Residency& residency_;
  const MayGoOn& may_go_on_;
  AnonymousUse use_;
  bool is_over_ = false;
};

}  // namespace

AnonymousUse WalkAnonymous(std::span<const model::Range> ranges, const model::Residency& residency,
                           const ReadMemory& read, const MayGoOn& may_go_on) {
  AnonymousWalk walk(residency, read, may_go_on);
  for (const model::Range& range : ranges) walk.Walk(range);
  return walk.Take();
}

}  // namespace memwhy::monitor
