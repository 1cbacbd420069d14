// SPDX-License-Identifier: Apache-2.0
#include "agent/holders/native_holders.h"

#include <algorithm>

#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "agent/memory/library_data.h"
#include "agent/memory/present_pages.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::PeekPointer;

// Of an object's body and of a block. What lies farther behind is a buffer or a large table; memory
// of that size is seldom cleared.
constexpr Address kMaxHolderBytes = 64 << 10;

// Buffers are not cleared: what was there before in a large one proves nothing.
bool IsSure(const FreeMemory::Block& block, Address place) noexcept {
  return place < block.sure_end && block.end - block.begin <= kMaxHolderBytes;
}

}  // namespace

void NativeHolders::Add(Address place) noexcept {
  const FreeMemory::Block block = free_.BlockOf(place);
  if (!IsSure(block, place) || heap_.IsObjectsBlock(block) || heap_.IsSpare(block)) return;
  if (wanted_.Find(block.begin) != nullptr) return;
  if (wanted_.Add({block.begin, 0}) == nullptr) failed_ = true;
}

Address NativeHolders::HolderOf(Address place) noexcept {
  const FreeMemory::Block block = free_.BlockOf(place);
  if (!IsSure(block, place)) return 0;
  const Wanted* wanted = wanted_.Find(block.begin);
  return wanted == nullptr ? 0 : wanted->holder;
}

void NativeHolders::Look(Address word, Address place) noexcept {
  if (word < 4096 || word >> 47 != 0) return;
  const FreeMemory::Block block = free_.BlockOf(word);
  if (block.begin == 0 || (word != block.begin && is_strict_)) return;
  if (reached_.IsSeen(block.begin) || heap_.IsObjectsBlock(block) || heap_.IsSpare(block)) return;
  if (blocks_.count() == kMaxReached || !reached_.See(block.begin)) return;
  const bool is_alike = block_.begin != 0 && block.end - block.begin == block_.end - block_.begin;
  const auto link = is_alike ? static_cast<std::uint32_t>(place - block_.begin) : kNoLink;
  if (!blocks_.Push({block.begin, holder_, link, false})) {
    failed_ = true;
    return;
  }
  const auto index = static_cast<std::uint32_t>(blocks_.count() - 1);
  if (is_alike && link == link_ && !lists_.Push(index)) failed_ = true;
  if (Wanted* wanted = wanted_.Find(block.begin); wanted != nullptr) {
    wanted->holder = holder_;
    ++found_;
  }
}

void NativeHolders::LookAt(Address begin, Address end) noexcept {
  if (end - begin > kMaxHolderBytes) end = begin + kMaxHolderBytes;
  for (Address at = (begin + 7) & ~Address{7}; at + 8 <= end; at += 8) {
    Look(PeekPointer(at, 0), at);
  }
}

void NativeHolders::LookAtBlock(std::size_t index, bool is_again) noexcept {
  Reached& reached = blocks_[index];
  if (reached.was_seen != is_again) return;
  reached.was_seen = true;
  block_ = free_.BlockOf(reached.begin);
  link_ = reached.link;
  holder_ = reached.holder;
  is_strict_ = !is_again;
  // The least block may be an element of a list: an object and the next element.
  const Address used = std::max(block_.sure_end, block_.begin + 2 * sizeof(Address));
  LookAt(block_.begin, is_again ? block_.end : used);
}

// Step by step, so who is nearest holds: memory is full of what was there before, and over many
// steps that leads from anything to anything. Along a list, from one block to the next by the same
// member of as large ones, is no step. What is most often left over, links into the middle of a
// block and what stands behind a block's sure end, comes when nothing else is left.
void NativeHolders::LookAtReached() noexcept {
  while (found_ < wanted_.used()) {
    if (!lists_.is_empty()) {
      LookAtBlock(lists_.Pop(), false);
    } else if (next_ < blocks_.count()) {
      LookAtBlock(next_++, false);
    } else if (next_again_ < blocks_.count()) {
      LookAtBlock(next_again_++, true);
    } else {
      return;
    }
  }
}

// Not from the interpreter's data, whose memory the walk knows, nor from that of libraries that
// never call it: what looks like a reference behind those is left over from what was there before.
void NativeHolders::LookAtLibraries() noexcept {
  PresentPages pages;
  const auto look = [this](Address begin, Address end) {
    for (Address at = (begin + 7) & ~Address{7}; at + 8 <= end && found_ < wanted_.used();
         at += 8) {
      holder_ = at;
      Look(PeekPointer(at, 0), at);
    }
  };
  Address data_end = 0;
  for (std::size_t i = 0; i < map_.count(); ++i) {
    const Mapping& mapping = map_.at(i);
    if (mapping.inode != 0 && mapping.offset == 0) {
      const bool is_holder = !heap_.IsInterpreters(mapping) && UsesPython(mapping, map_);
      data_end = is_holder ? EndOfData(mapping) : 0;
    }
    if (!mapping.is_readable || !mapping.is_writable || mapping.is_shared) continue;
    if (mapping.begin - g_private.begin < g_private.bytes || data_end <= mapping.begin) continue;
    pages.Each(mapping.begin, data_end < mapping.end ? data_end : mapping.end, look);
  }
}

void NativeHolders::LookAtObjects() noexcept {
  heap_.EachBody([this](Address object, Address begin, Address end) {
    holder_ = object;
    LookAt(begin, end);
    return found_ < wanted_.used();
  });
}

void NativeHolders::Find(FaultGuard& guard) noexcept {
  if (wanted_.used() == 0) return;
  if (MEMWHY_GUARD(guard) == 0) LookAtLibraries();
  guard.Disarm();
  if (MEMWHY_GUARD(guard) == 0) LookAtObjects();
  guard.Disarm();
  MEMWHY_GUARD(guard);  // after a fault on with the next block
  LookAtReached();
  guard.Disarm();
}

}  // namespace memwhy::agent
