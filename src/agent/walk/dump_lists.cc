// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_lists.h"

#include "agent/ground/agent.h"
#include "agent/ground/raw_memory.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpTag;
using wire::SkipReason;

constexpr Address kLinkFlags = 7;    // of the collector, in its links
constexpr std::uint32_t kLists = 4;  // the generations, and what gc.freeze() has set aside
// So many objects of a list in a row that were written before: by the other lane, from its end.
constexpr int kOthers = 1000;

Address LinkOf(Address head, std::uint32_t link) noexcept {
  return PeekPointer(head, link) & ~kLinkFlags;
}

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
  if (before != lists->last_ && lists->head_count_ < kMaxLists) {
    lists->heads_[lists->head_count_++] = before;
  }
  lists->last_ = head;
  return 1;
}

// The next object is in the cache by now: what it refers to by its first words, and the one after
// it, are fetched while this one is written.
template <DumpLists::Link link>
void DumpLists::FetchBehind(Address next) const noexcept {
  const std::uint32_t gc_head = g_agent.python.layout->gc_head_bytes;
  // Tables and items of containers, values of instances on 3.11.
  constexpr std::uint32_t kWords[] = {16, 24, 32, 40};
  if (!walk_.map_.IsReadable(next, gc_head + 48)) return;
  const Address after = LinkOf(next, static_cast<std::uint32_t>(link));
  Fetch(after);
  Fetch(after + 64);
  for (const std::uint32_t word : kWords) Fetch(PeekPointer(next + gc_head, word));
  if (g_agent.python.layout->minor == 11) Fetch(PeekPointer(next - 16, 0));
}

// False: the head is none, so the collector's structures are not as we know them.
template <DumpLists::Link link>
bool DumpLists::WriteList(Address head, std::uint32_t list) noexcept {
  constexpr auto kOn = static_cast<std::uint32_t>(link);
  constexpr auto kBack =
      static_cast<std::uint32_t>(link == Link::kNext ? Link::kPrevious : Link::kNext);
  const std::uint32_t gc_head = g_agent.python.layout->gc_head_bytes;
  Address at = LinkOf(head, kOn);
  if (!walk_.map_.IsReadable(at, gc_head) || LinkOf(at, kBack) != head) return false;
  walk_.out_.PutTag(DumpTag::kList);
  walk_.out_.PutNumber(list);
  int others = 0;
  for (; at != head && !walk_.failed_ && !walk_.out_.failed(); at = LinkOf(at, kOn)) {
    if (!walk_.map_.IsReadable(at, gc_head + 16)) {
      if (walk_.marks_.See(at + gc_head)) walk_.Skip(at, SkipReason::kFault);
      break;
    }
    FetchBehind<link>(LinkOf(at, kOn));
    if (walk_.marks_.See(at + gc_head)) {
      others = 0;
      walk_.WriteTree(at + gc_head);
    } else if (++others == kOthers && walk_.has_lanes_) {
      break;
    }
  }
  return true;
}

Address DumpLists::ListHead(Address interpreter, std::uint32_t list) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  return CollectorOf(interpreter) +
         (list == wire::kListPermanent
              ? layout.gc_permanent
              : layout.gc_generations + Address{list} * layout.gc_generation_bytes);
}

bool DumpLists::HasEnds() noexcept {
  return g_agent.python.layout->gc_generations != cpython::kAbsent;
}

void DumpLists::Write(Address interpreter) noexcept {
  bool is_known = HasEnds();
  for (std::uint32_t list = 0; list < kLists && is_known; ++list) {
    is_known = WriteList<Link::kNext>(ListHead(interpreter, list), NumberOf(list)) ||
               list == wire::kListPermanent;
  }
  if (!is_known && g_python_api.PyUnstable_GC_VisitObjects != nullptr) {
    // It takes a reference while it calls, so it only leads to the lists.
    last_ = 0;
    head_count_ = 0;
    g_python_api.PyUnstable_GC_VisitObjects(&OnVisited, this);
    for (std::uint32_t i = 0; i < head_count_; ++i) {
      WriteList<Link::kNext>(heads_[i], wire::kListUnknown);
    }
  }
}

void DumpLists::WriteFromEnd(Address interpreter) noexcept {
  for (std::uint32_t list = kLists; list-- > 0;) {
    if (!WriteList<Link::kPrevious>(ListHead(interpreter, list), NumberOf(list))) return;
  }
}

void DumpLists::WriteSettings(bool collects, Address interpreter) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  walk_.out_.PutTag(DumpTag::kCollector);
  walk_.out_.PutByte(collects ? 1 : 0);
  if (!HasEnds()) {
    walk_.out_.PutNumber(0);
    return;
  }
  walk_.out_.PutNumber(3);
  for (std::uint32_t list = 0; list < 3; ++list) {
    // struct gc_generation {PyGC_Head head; int threshold; int count}
    const Address generation = ListHead(interpreter, list);
    const int threshold = Peek<int>(generation, layout.gc_head_bytes);
    const int count = Peek<int>(generation, layout.gc_head_bytes + 4);
    walk_.out_.PutNumber(static_cast<std::uint64_t>(threshold < 0 ? 0 : threshold));
    walk_.out_.PutNumber(static_cast<std::uint64_t>(count < 0 ? 0 : count));
  }
}

}  // namespace memwhy::agent
