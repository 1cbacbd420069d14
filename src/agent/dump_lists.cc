// SPDX-License-Identifier: Apache-2.0
#include "agent/dump_lists.h"

#include "agent/agent.h"
#include "agent/raw_memory.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpTag;
using wire::SkipReason;

constexpr Address kLinkFlags = 7;  // of the collector, in its links

// Both halves of the old generation of 3.14.0 to 3.14.4 are what gc calls generation 2.
std::uint32_t NumberOf(std::uint32_t list) noexcept {
  const std::uint32_t version = g_agent.python.version;  // PY_VERSION_HEX
  const bool is_incremental = version >= 0x030E0000u && version < 0x030E0500u;
  return is_incremental && list == 1 ? 2 : list;
}

}  // namespace

// Collects the heads of the collector's lists: what stands before an object and was not visited
// just before it.
int DumpLists::OnVisited(void* object, void* self) noexcept {
  auto* lists = static_cast<DumpLists*>(self);
  const std::uint32_t gc_head = g_agent.python.layout->gc_head_bytes;
  const Address head = reinterpret_cast<Address>(object) - gc_head;
  const Address before = PeekPointer(head, 8) & ~kLinkFlags;
  if (before != lists->last_ && lists->head_count_ < kMostLists) {
    lists->heads_[lists->head_count_++] = before;
  }
  lists->last_ = head;
  return 1;
}

// The next object is in the cache by now: what it refers to by its first words, and the one after
// it, are fetched while this one is written.
void DumpLists::FetchBehind(Address next) const noexcept {
  const std::uint32_t gc_head = g_agent.python.layout->gc_head_bytes;
  // Tables and items of containers, values of instances on 3.11.
  constexpr std::uint32_t kWords[] = {16, 24, 32, 40};
  if (!walk_.map_.IsReadable(next, gc_head + 48)) return;
  const Address after = PeekPointer(next, 0) & ~kLinkFlags;
  Fetch(after);
  Fetch(after + 64);
  for (const std::uint32_t word : kWords) Fetch(PeekPointer(next + gc_head, word));
  if (g_agent.python.layout->minor == 11) Fetch(PeekPointer(next - 16, 0));
}

// False: the head is none, so the collector's structures are not as we know them.
bool DumpLists::WriteList(Address head, std::uint32_t list) noexcept {
  const std::uint32_t gc_head = g_agent.python.layout->gc_head_bytes;
  Address at = PeekPointer(head, 0) & ~kLinkFlags;
  if (!walk_.map_.IsReadable(at, gc_head) || (PeekPointer(at, 8) & ~kLinkFlags) != head)
    return false;
  walk_.out_.PutTag(DumpTag::kList);
  walk_.out_.PutNumber(list);
  for (; at != head && !walk_.failed_ && !walk_.out_.failed();
       at = PeekPointer(at, 0) & ~kLinkFlags) {
    if (!walk_.map_.IsReadable(at, gc_head + 16)) {
      walk_.Skip(at, SkipReason::kFault);
      break;
    }
    FetchBehind(PeekPointer(at, 0) & ~kLinkFlags);
    if (walk_.marks_.See(at + gc_head)) walk_.WriteTree(at + gc_head);
  }
  return true;
}

void DumpLists::Write(Address interpreter) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  bool is_known = layout.gc_generations != cpython::kAbsent;
  if (is_known) {
    const Address state = CollectorOf(interpreter);
    for (std::uint32_t list = 0; list < 3 && is_known; ++list) {
      is_known =
          WriteList(state + layout.gc_generations + Address{list} * layout.gc_generation_bytes,
                    NumberOf(list));
    }
    if (is_known) WriteList(state + layout.gc_permanent, wire::kListPermanent);
  }
  if (!is_known && g_python_api.PyUnstable_GC_VisitObjects != nullptr) {
    // It takes a reference while it calls, so it only leads to the lists.
    last_ = 0;
    head_count_ = 0;
    g_python_api.PyUnstable_GC_VisitObjects(&OnVisited, this);
    for (std::uint32_t i = 0; i < head_count_; ++i) WriteList(heads_[i], wire::kListUnknown);
  }
}

void DumpLists::WriteSettings(bool collects, Address interpreter) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  walk_.out_.PutTag(DumpTag::kCollector);
  walk_.out_.PutByte(collects ? 1 : 0);
  if (layout.gc_generations == cpython::kAbsent) {
    walk_.out_.PutNumber(0);
    return;
  }
  walk_.out_.PutNumber(3);
  for (std::uint32_t list = 0; list < 3; ++list) {
    // struct gc_generation {PyGC_Head head; int threshold; int count}
    const Address generation = CollectorOf(interpreter) + layout.gc_generations +
                               Address{list} * layout.gc_generation_bytes;
    const int threshold = Peek<int>(generation, layout.gc_head_bytes);
    const int count = Peek<int>(generation, layout.gc_head_bytes + 4);
    walk_.out_.PutNumber(static_cast<std::uint64_t>(threshold < 0 ? 0 : threshold));
    walk_.out_.PutNumber(static_cast<std::uint64_t>(count < 0 ? 0 : count));
  }
}

}  // namespace memwhy::agent
