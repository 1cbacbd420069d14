// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/drain.h"

#include <algorithm>
#include <tuple>

#include "session/format.h"

namespace memwhy::recorder {

bool Drain::IsUrgent() const {
  const std::uint32_t sealed =
      ring_->header().chunks_sealed_hint.load(std::memory_order_relaxed) - sealed_seen_;
  const auto block = static_cast<std::uint32_t>(session::kBlockBytes / wire::kChunkBytes);
  return sealed >= std::min(block, ring_->chunk_count() / 8 + 1);
}

void Drain::Look() {
  done_.clear();
  found_.clear();
  busy_.clear();
  sealed_seen_ = ring_->header().chunks_sealed_hint.load(std::memory_order_relaxed);
  const std::uint32_t used =
      std::min(ring_->header().chunks_used.load(std::memory_order_acquire), ring_->chunk_count());
  for (std::uint32_t i = 0; i < used; ++i) {
    wire::ChunkHeader& chunk = ring_->chunk(i);
    const auto state = wire::StateOf(chunk.state.load(std::memory_order_acquire));
    if (state == wire::ChunkState::kFree) continue;
    const bool is_sealed = state == wire::ChunkState::kSealed;
    const std::uint32_t committed = chunk.committed.load(std::memory_order_acquire);
    if (committed > wire::kChunkBytes) continue;
    if (committed == 0) {
      if (is_sealed) done_.push_back(i);
      continue;
    }
    const std::uint32_t thread = __atomic_load_n(&chunk.thread, __ATOMIC_RELAXED);
    const std::uint64_t offset = __atomic_load_n(&chunk.stream_offset, __ATOMIC_RELAXED);
    if (thread >= session::kMaxThreads || offset + committed < offset) continue;
    found_.push_back({thread, i, offset, committed, is_sealed});
  }
  std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return std::tie(a.thread, a.offset) < std::tie(b.thread, b.offset);
  });
  for (const Found& found : found_) {
    const bool is_counted = !busy_.empty() && busy_.back() == found.thread;
    if (!is_counted && IsNew(found.thread, found.offset + found.committed)) {
      busy_.push_back(found.thread);
    }
  }
  if (busy_.size() == 1) only_busy_ = busy_.front();
  if (busy_.size() > 1) only_busy_.reset();
}

bool Drain::HasMore() const {
  const std::uint32_t used =
      std::min(ring_->header().chunks_used.load(std::memory_order_acquire), ring_->chunk_count());
  for (std::uint32_t i = 0; i < used; ++i) {
    const wire::ChunkHeader& chunk = ring_->chunk(i);
    const std::uint32_t committed = chunk.committed.load(std::memory_order_acquire);
    if (committed == 0) continue;
    const std::uint32_t thread = __atomic_load_n(&chunk.thread, __ATOMIC_RELAXED);
    const std::uint64_t offset = __atomic_load_n(&chunk.stream_offset, __ATOMIC_RELAXED);
    if (std::find(busy_.begin(), busy_.end(), thread) == busy_.end() &&
        IsNew(thread, offset + committed)) {
      return true;
    }
  }
  return false;
}

Result<void> Drain::Collect(session::SessionWriter* writer, session::TimePrecision precision) {
  for (const Found& found : found_) {
    if (found.thread >= drained_.size()) drained_.resize(found.thread + 1);
    std::uint64_t& drained = drained_[found.thread];
    const std::uint64_t end = found.offset + found.committed;
    // A chunk whose predecessor grew or appeared after we passed it waits for the next round.
    if (found.offset > drained) continue;
    if (end > drained) {
      const auto skip = static_cast<std::uint32_t>(drained - found.offset);
      copy_.resize(found.committed - skip);
      // Nothing of a ring that was cut meanwhile: its bytes may be zeros.
      if (!ring_->CopyBytes(found.chunk, skip, copy_)) return {};
      const std::uint64_t written = writer->bytes_written();
      MEMWHY_TRY_VOID(writer->AddPiece(process_, found.thread, drained, copy_, precision));
      // It closed a block: what was added before is in the file. Threads may be waiting for room.
      if (writer->bytes_written() != written) Release();
      bytes_ += copy_.size();
      drained = end;
    }
    if (found.is_sealed) done_.push_back(found.chunk);
  }
  return {};
}

void Drain::Release() {
  for (const std::uint32_t index : done_) {
    wire::ChunkHeader& chunk = ring_->chunk(index);
    // The next owner names itself before it commits; until then the chunk must look empty.
    chunk.committed.store(0, std::memory_order_relaxed);
    chunk.state.store(static_cast<std::uint32_t>(wire::ChunkState::kFree),
                      std::memory_order_release);
  }
  done_.clear();
}

}  // namespace memwhy::recorder
