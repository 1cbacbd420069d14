// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/hidden_walk.h"

#include <algorithm>

#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "agent/memory/library_data.h"
#include "agent/objects/greenlet_state.h"
#include "agent/objects/object_head.h"
#include "agent/objects/object_size.h"
#include "agent/walk/census_sink.h"
#include "agent/walk/dump_sink.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::size_t kFilterBits = 1u << 15;        // 4 KiB: stays in the first cache
constexpr std::uint64_t kMaxHiddenCount = 1u << 20;  // references of a hidden object
constexpr int kMaxInterpreters = 1024;
constexpr int kHiddenWalkMaxThreads = 1 << 16;

std::size_t FilterBit(Address type) noexcept {
  return static_cast<std::size_t>((type >> 4) * 0x9e3779b97f4a7c15ull >> 20) & (kFilterBits - 1);
}

// Types of which each object is known.
bool IsSingleton(const DumpType& facts) noexcept {
  const PythonApi& api = g_python_api;
  return facts.type == api.bool_type || facts.type == api.none_type;
}

// What glibc writes into the last block of a list of free ones (2.32 and later: PROTECT_PTR of
// null), in place of the references of the object that was there.
std::uint64_t EndOfFreeList(Address block) noexcept { return block >> 12; }

// From the object's address on, without what it has beside its type's size.
Address OwnBytes(const DumpType& facts, Address object) noexcept {
  const bool has_less =
      facts.has_optional_zone && Peek<char>(object, cpython::kDatetimeHasZone) == 0;
  return static_cast<Address>(facts.own_bytes()) - (has_less ? cpython::kDatetimeZoneBytes : 0);
}

}  // namespace

// Objects that no other leads to, untracked ones: what an extension has leaked, or what only C code
// holds. They betray themselves by a word that is the address of a type, behind a word that can be
// a reference count.
template <typename Sink>
void HiddenWalk<Sink>::Visit() noexcept {
  filter_ = static_cast<std::uint64_t*>(MapRaw(kFilterBits / 8));
  if (filter_ == nullptr || !FindStacks()) {
    state_.failed = true;
    return;
  }
  for (std::uint32_t id = 0; id < state_.types.count(); ++id) {
    const std::size_t bit = FilterBit(state_.types.at(id)->type);
    filter_[bit >> 6] |= std::uint64_t{1} << (bit & 63);
  }
  state_.hidden_in = &free_;
  walk_.sink().OnList(wire::kListUnknown);
  Address data_end = 0;  // of the library whose mappings come last
  for (std::size_t i = 0; i < state_.map.count() && !state_.failed; ++i) {
    const Mapping& mapping = state_.map.at(i);
    if (mapping.inode != 0 && mapping.offset == 0) data_end = EndOfData(mapping);
    if (!mapping.is_readable || !mapping.is_writable || mapping.is_shared) continue;
    // Static objects of libraries are no leaks, and those that matter are referred to.
    if (mapping.inode != 0 || mapping.begin - g_private.begin < g_private.bytes) continue;
    if (is_stack_.items[i] != 0 || data_end >= mapping.end) continue;
    const Address begin = data_end > mapping.begin ? data_end : mapping.begin;
    if (MEMWHY_GUARD(guard_) == 0) VisitRange(begin, mapping.end);
    guard_.Disarm();
  }
  UnmapRaw(filter_, kFilterBits / 8);
  std::sort(state_.doubtful.begin(), state_.doubtful.end());
}

// By its end: there the C library has a thread's descriptor, {itself, .., itself, ..}. It keeps the
// stacks of threads that have ended for the next ones.
template <typename Sink>
bool HiddenWalk<Sink>::IsThreadStack(const Mapping& mapping) noexcept {
  constexpr Address kDescriptorWithin = 8192;
  constexpr Address kAlignment = 64;
  if (!mapping.is_readable || !mapping.is_writable || mapping.is_shared || mapping.inode != 0 ||
      mapping.end - mapping.begin <= kDescriptorWithin) {
    return false;
  }
  for (Address at = mapping.end - kDescriptorWithin; at < mapping.end; at += kAlignment) {
    if (PeekPointer(at, 0) == at && PeekPointer(at, 16) == at) return true;
  }
  return false;
}

// No object lives on a stack, but what was read and written there looks like some. A thread of
// Python's is known by its descriptor, which the C library puts on top of the thread's stack.
// False: no memory.
template <typename Sink>
bool HiddenWalk<Sink>::FindStacks() noexcept {
  if (!GrowRaw(is_stack_, state_.map.count())) return false;
  for (std::size_t i = 0; i < state_.map.count(); ++i) {
    const Mapping& mapping = state_.map.at(i);
    is_stack_.items[i] = mapping.is_stack || IsThreadStack(mapping) ? 1 : 0;
  }
  return FindChunks();
}

// Where the frames of Python's functions are, of threads and of greenlets that wait. False: no
// memory.
template <typename Sink>
bool HiddenWalk<Sink>::FindChunks() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  int interpreters = kMaxInterpreters;
  for (Address at = PeekPointer(g_agent.python.runtime, layout.runtime_interpreters);
       at != 0 && interpreters > 0; at = PeekPointer(at, layout.interpreter_next), --interpreters) {
    int left = kHiddenWalkMaxThreads;
    for (Address thread = PeekPointer(at, layout.interpreter_thread_head); thread != 0 && left > 0;
         thread = PeekPointer(thread, layout.thread_next), --left) {
      const Mapping* stack = state_.map.Find(PeekPointer(thread, layout.thread_id));
      if (stack != nullptr) is_stack_.items[stack - &state_.map.at(0)] = 1;
      if (!chunks_.AddThread(thread)) return false;
    }
  }
  for (const Address greenlet : walk_.greenlets()) {
    const GreenletState state = FindGreenletState(greenlet, state_.map, &free_);
    if (!chunks_.AddPointedTo(state.begin, state.end)) return false;
  }
  chunks_.Sort();
  return true;
}

// Whether the last object before `at` reaches over it: a tuple of n items whose first is a type
// looks like an object with n references. No object reaches beyond its block: what lies before the
// block of `at` may be no object at all, only a place to which some word points.
template <typename Sink>
bool HiddenWalk<Sink>::IsInside(Address at, Address block) noexcept {
  // Bits stand for 16 bytes; objects outside of libraries begin at multiples of that.
  const Address before = state_.marks.SeenBefore(at);
  if (before == 0 || before < block) return false;
  const Address type = cpython::TypeOf(before);
  if (!state_.types.IsKnown(type)) return false;
  const DumpType* facts = state_.types.Get(type);
  if (facts == nullptr) return false;
  const std::int64_t extra = InlineBytes(*facts, before, state_.map);
  return at < before + static_cast<Address>(facts->own_bytes() + extra);
}

template <typename Sink>
void HiddenWalk<Sink>::VisitRange(Address first, Address last) noexcept {
  // What is found is visited page by page.
  pages_.Each(first, last, [&](Address begin, Address end) {
    if (chunks_.Contains(begin)) return;
    Address found[4096 / 16];
    std::size_t count = 0;
    Address reach = begin;  // the end of the last one in this page, which is not marked yet
    for (Address at = (begin + 15) & ~Address{15}; at + 16 <= end; at += 16) {
      const Address type = PeekPointer(at, cpython::kObjectType);
      const std::size_t bit = FilterBit(type);
      if ((filter_[bit >> 6] >> (bit & 63) & 1) == 0) continue;
      const auto references = Peek<std::uint64_t>(at, 0);
      if (references == 0 || references > kMaxHiddenCount || DumpTypes::IsImmortal(at)) continue;
      if (references == EndOfFreeList(at) || at < reach) continue;
      if (state_.marks.IsSeen(at) || !state_.types.IsKnown(type) || free_.Contains(at)) continue;
      const DumpType* facts = state_.types.Get(type);
      if (facts == nullptr || IsSingleton(*facts)) continue;
      const FreeMemory::Block block = free_.BlockOf(at);
      if (!free_.CanBegin(at, static_cast<Address>(facts->before_bytes))) continue;
      if (IsInside(at, block.begin)) continue;
      // Without a head of the collector's it was never an object of such a type.
      if (facts->kind == ObjectKind::kType || IsTracked(*facts, at)) continue;
      const std::int64_t extra = InlineBytes(*facts, at, state_.map);
      const Address most = (block.begin != 0 ? block.end : last) - at;
      if (extra < 0) continue;
      const Address bytes = OwnBytes(*facts, at) + static_cast<Address>(extra);
      if (bytes > most) continue;
      reach = at + bytes;
      found[count++] = at;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (state_.marks.See(found[i])) walk_.VisitTree(found[i]);
    }
  });
}

template class HiddenWalk<DumpSink>;
template class HiddenWalk<CensusSink>;

}  // namespace memwhy::agent
