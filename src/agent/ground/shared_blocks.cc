// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/shared_blocks.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kPage = 4096;

constexpr std::size_t RoundUp(std::size_t bytes) noexcept {
  return (bytes + kPage - 1) & ~(kPage - 1);
}

}  // namespace

bool SharedBlocks::Start(std::size_t most) noexcept {
  std::size_t slots = kPage / sizeof(Slot);
  while (slots < most * 2) slots *= 2;
  const std::size_t slot_bytes = slots * sizeof(Slot);
  bytes_ = kPage + slot_bytes + RoundUp(most * sizeof(MarkBlock));
  memory_ = MapShared(bytes_);
  if (memory_ == nullptr) return false;
  auto* at = static_cast<char*>(memory_);
  used_ = reinterpret_cast<std::atomic<std::uint64_t>*>(at);
  slots_ = reinterpret_cast<Slot*>(at + kPage);
  mask_ = slots - 1;
  blocks_ = reinterpret_cast<MarkBlock*>(at + kPage + slot_bytes);
  most_ = most;
  return true;
}

MarkBlock* SharedBlocks::FindOrAdd(std::uintptr_t number) noexcept {
  if (MarkBlock* found = Find(number); found != nullptr) return found;
  // The index is lost if the other makes the same block at this moment.
  const std::uint64_t index = used_->fetch_add(1, std::memory_order_relaxed);
  if (index >= most_) {
    used_->fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  blocks_[index].number = number;
  const std::uint64_t wanted = KeyOf(number) | (index + 1);
  for (std::size_t at = Hash(number);; ++at) {
    std::uint64_t slot = 0;
    // What was written of the block comes with the slot.
    if (slots_[at & mask_].compare_exchange_strong(slot, wanted, std::memory_order_acq_rel)) {
      return &blocks_[index];
    }
    if (IsOf(slot, number)) return BlockOf(slot);
  }
}

void SharedBlocks::Release() noexcept {
  if (memory_ != nullptr) UnmapRaw(memory_, bytes_);
  memory_ = nullptr;
  slots_ = nullptr;
}

}  // namespace memwhy::agent
