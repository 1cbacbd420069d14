// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/quiet_chunks.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace memwhy::recorder {
namespace {

using wire::ChunkState;

// Chunks below are the working set of a small program; a quiet thread may keep one.
constexpr std::uint32_t kCalmChunks = 16;
constexpr std::uint64_t kCalmNs = 1'000'000'000;
constexpr std::uint64_t kWindowNs = 2'000'000'000;

}  // namespace

bool CanOrderAllThreads() {
  const long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  return commands >= 0 && (commands & MEMBARRIER_CMD_GLOBAL) != 0;
}

bool OrderAllThreads() { return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0; }

QuietChunks::QuietChunks(RingMap* ring, bool can_take_back)
    : ring_(ring), can_take_back_(can_take_back) {
  const auto answer = can_take_back ? wire::TakeBack::kYes : wire::TakeBack::kNo;
  ring_->header().take_back.store(static_cast<std::uint32_t>(answer), std::memory_order_relaxed);
}

std::uint32_t QuietChunks::CountUsed() const {
  return std::min(ring_->header().chunks_used.load(std::memory_order_acquire),
                  ring_->chunk_count());
}

QuietChunks::Counts QuietChunks::Count() const {
  const std::uint32_t used = CountUsed();
  Counts counts;
  counts.free = ring_->chunk_count() - used;
  for (std::uint32_t i = 0; i < used; ++i) {
    switch (wire::StateOf(ring_->chunk(i).state.load(std::memory_order_relaxed))) {
      case ChunkState::kFree:
        ++counts.free;
        break;
      case ChunkState::kOwned:
      case ChunkState::kWanted:
        ++counts.owned;
        break;
      case ChunkState::kSealed:
        break;
    }
  }
  return counts;
}

// Sealed chunks come back by themselves; where they are what is missing nothing else helps.
bool QuietChunks::IsShort(const Counts& counts) const {
  const std::uint32_t all = ring_->chunk_count();
  return counts.owned >= all / 2 && counts.free < all / 4;
}

bool QuietChunks::IsShort() const {
  return can_take_back_ && CountUsed() >= ring_->chunk_count() / 2 && IsShort(Count());
}

void QuietChunks::NoteNeeded(std::uint32_t needed, std::uint64_t now_ns) {
  needed_ = std::max({needed_, needed, 1u});
  if (now_ns < window_end_ns_) return;
  if (window_end_ns_ != 0) {
    ring_->header().chunks_needed.store(std::max(needed_, needed_before_),
                                        std::memory_order_relaxed);
  }
  needed_before_ = needed_;
  needed_ = needed;
  window_end_ns_ = now_ns + kWindowNs;
}

std::size_t QuietChunks::Want(std::uint64_t now_ns) {
  wanted_.clear();
  const std::uint32_t used = CountUsed();
  seen_.resize(used);
  const bool is_short = IsShort();
  const bool is_calm = now_ns >= next_calm_ns_;
  if (is_calm) next_calm_ns_ = now_ns + kCalmNs;
  std::uint32_t needed = 0;
  for (std::uint32_t i = 0; i < used; ++i) {
    wire::ChunkHeader& chunk = ring_->chunk(i);
    std::uint32_t state = chunk.state.load(std::memory_order_acquire);
    if (wire::StateOf(state) != ChunkState::kFree) needed = i + 1;
    const std::uint32_t committed = chunk.committed.load(std::memory_order_acquire);
    Seen& seen = seen_[i];
    const bool is_known = seen.state == state && seen.committed == committed;
    if (!is_known) seen = {state, committed, now_ns};
    if (!can_take_back_) continue;
    if (wire::StateOf(state) == ChunkState::kWanted) {
      wanted_.push_back(i);
      continue;
    }
    // One that holds nothing may have been taken just now, for an event that is to come.
    if (wire::StateOf(state) != ChunkState::kOwned || committed == 0 || !is_known) continue;
    const bool is_left = is_calm && i >= kCalmChunks && now_ns - seen.since_ns >= kCalmNs;
    if ((is_short || is_left) && chunk.state.compare_exchange_strong(state, wire::WantedFrom(state),
                                                                     std::memory_order_acq_rel)) {
      wanted_.push_back(i);
    }
  }
  NoteNeeded(needed, now_ns);
  return wanted_.size();
}

std::size_t QuietChunks::Seal() {
  std::size_t sealed = 0;
  for (const std::uint32_t i : wanted_) {
    wire::ChunkHeader& chunk = ring_->chunk(i);
    std::uint32_t state = chunk.state.load(std::memory_order_acquire);
    const std::uint32_t slot = __atomic_load_n(&chunk.slot, __ATOMIC_RELAXED);
    if (wire::StateOf(state) != ChunkState::kWanted || slot >= wire::kThreadSlots) continue;
    if (ring_->slot(slot).is_writing.load(std::memory_order_acquire) != 0) continue;
    if (chunk.state.compare_exchange_strong(state, static_cast<std::uint32_t>(ChunkState::kSealed),
                                            std::memory_order_acq_rel)) {
      ++sealed;
    }
  }
  wanted_.clear();
  return sealed;
}

}  // namespace memwhy::recorder
