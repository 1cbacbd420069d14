// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/walked_heap.h"

#include "agent/ground/agent.h"
#include "agent/objects/object_size.h"

namespace memwhy::agent {

using cpython::Address;

bool WalkedHeap::IsInBytes(Address place) noexcept {
  const Address object = state_.marks.IsSeen(place) ? 0 : state_.marks.SeenBefore(place);
  if (object == 0) return false;
  const Address type = cpython::TypeOf(object);
  const PythonApi& api = g_python_api;
  if (type != api.bytes_type && type != api.str_type && type != api.int_type) return false;
  const DumpType* facts = state_.types.Get(type);
  if (facts == nullptr) return false;
  return place < object + static_cast<Address>(facts->own_bytes() +
                                               InlineBytes(*facts, object, state_.map));
}

bool WalkedHeap::HasSpareLists() noexcept {
  constexpr int kFirstWithLinks = 14;
  return g_agent.python.layout->minor >= kFirstWithLinks;
}

bool WalkedHeap::IsSpare(const FreeMemory::Block& block) noexcept {
  constexpr Address kMaxBefore = 64;
  constexpr Address kMinLink = 1u << 20;  // no count of references
  if (block.begin == 0 || !HasSpareLists()) return false;
  const auto is_link = [this](Address word) {
    return word >= kMinLink && (word & 15) == 0 && state_.map.IsReadable(word, 16);
  };
  for (Address at = block.begin; at < block.begin + kMaxBefore && at + 16 <= block.end; at += 16) {
    const Address next = cpython::PeekPointer(at, 0);
    const Address type = cpython::TypeOf(at);
    if (!is_link(next) || !state_.types.IsKnown(type) || cpython::TypeOf(next) != type) continue;
    // Of a live object the first word is its count, so this is no array of live ones and a type.
    const Address after = cpython::PeekPointer(next, 0);
    if (after == 0 || (is_link(after) && cpython::TypeOf(after) == type)) return true;
  }
  return false;
}

bool WalkedHeap::IsObjectsBlock(const FreeMemory::Block& block) noexcept {
  constexpr Address kMaxBefore = 64;  // the collector's head and what else lies before an object
  for (Address at = block.begin; at < block.begin + kMaxBefore && at < block.end; at += 16) {
    if (state_.marks.IsSeen(at) && state_.types.IsObject(at)) return true;
  }
  return false;
}

WalkedHeap::Body WalkedHeap::BodyOf(Address object) noexcept {
  if (!state_.map.IsReadable(object, 16)) return {};
  const Address type = cpython::TypeOf(object);
  if (!state_.types.IsKnown(type)) return {};
  const DumpType* facts = state_.types.Get(type);
  if (facts->body_begin == 0 || !state_.types.IsObject(object)) return {};
  return {object + static_cast<Address>(facts->body_begin),
          object + static_cast<Address>(facts->basic_bytes)};
}

}  // namespace memwhy::agent
