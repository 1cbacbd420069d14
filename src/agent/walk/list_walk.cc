// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/list_walk.h"

#include "agent/ground/raw_memory.h"
#include "agent/walk/census_sink.h"
#include "agent/walk/dump_sink.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::SkipReason;

constexpr Address kLinkFlags = 7;  // of the collector, in its links
// So many objects of a list in a row that were visited before: by the other process, from its end.
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

bool CollectorListsHaveEnds() noexcept { return TheLayout().gc_generations != cpython::kAbsent; }

Address CollectorListHead(Address interpreter, std::uint32_t list) noexcept {
  const cpython::Layout& layout = TheLayout();
  return CollectorOf(interpreter) +
         (list == wire::kListPermanent
              ? layout.gc_permanent
              : layout.gc_generations + Address{list} * layout.gc_generation_bytes);
}

// Collects the heads of the collector's lists: what stands before an object and was not visited
// just before it.
template <typename Sink>
int ListWalk<Sink>::OnVisited(void* object, void* self) noexcept {
  auto* lists = static_cast<ListWalk*>(self);
  const std::uint32_t gc_head = TheLayout().gc_head_bytes;
  const Address head = reinterpret_cast<Address>(object) - gc_head;
  const Address before = PeekPointer(head, cpython::kGcPrevious) & ~kLinkFlags;
  if (before != lists->last_ && !lists->heads_.Push(before)) {
    lists->walk_.Skip(reinterpret_cast<Address>(object),
                      SkipReason::kFault);  // and what follows it
  }
  lists->last_ = head;
  return 1;
}

// The next object is in the cache by now: what it refers to by its first words, and the one after
// it, are fetched while this one is visited.
template <typename Sink>
template <typename ListWalk<Sink>::Link link>
void ListWalk<Sink>::FetchBehind(Address next) const noexcept {
  const std::uint32_t gc_head = TheLayout().gc_head_bytes;
  // Tables and items of containers, values of instances on 3.11.
  constexpr std::uint32_t kWords[] = {16, 24, 32, 40};
  if (!walk_.state().map.IsReadable(next, gc_head + 48)) return;
  const Address after = LinkOf(next, static_cast<std::uint32_t>(link));
  Fetch(after);
  Fetch(after + 64);
  for (const std::uint32_t word : kWords) Fetch(PeekPointer(next + gc_head, word));
  if (TheLayout().minor == 11) {
    Fetch(PeekPointer(next + gc_head - cpython::kManagedDictBefore - 8, 0));
  }
}

// False: the head is none, so the collector's structures are not as we know them.
template <typename Sink>
template <typename ListWalk<Sink>::Link link>
bool ListWalk<Sink>::VisitList(Address head, std::uint32_t list) noexcept {
  constexpr auto kOn = static_cast<std::uint32_t>(link);
  constexpr auto kBack =
      static_cast<std::uint32_t>(link == Link::kNext ? Link::kPrevious : Link::kNext);
  WalkState& state = walk_.state();
  const std::uint32_t gc_head = TheLayout().gc_head_bytes;
  Address at = LinkOf(head, kOn);
  if (!state.map.IsReadable(at, gc_head) || LinkOf(at, kBack) != head) return false;
  walk_.sink().OnList(list);
  int others = 0;
  for (; at != head && !walk_.IsStopped(); at = LinkOf(at, kOn)) {
    if (!state.map.IsReadable(at, gc_head + 16)) {
      if (state.marks.See(at + gc_head)) walk_.Skip(at, SkipReason::kFault);
      break;
    }
    FetchBehind<link>(LinkOf(at, kOn));
    if (state.marks.See(at + gc_head)) {
      others = 0;
      walk_.VisitTree(at + gc_head);
    } else if (++others == kOthers && walk_.has_other()) {
      break;
    }
  }
  return true;
}

template <typename Sink>
void ListWalk<Sink>::Visit(Address interpreter) noexcept {
  bool is_known = CollectorListsHaveEnds();
  for (std::uint32_t list = 0; list < kCollectorLists && is_known; ++list) {
    is_known = VisitList<Link::kNext>(CollectorListHead(interpreter, list), NumberOf(list)) ||
               list == wire::kListPermanent;
  }
  if (!is_known && g_python_api.PyUnstable_GC_VisitObjects != nullptr) {
    // It takes a reference while it calls, so it only leads to the lists.
    last_ = 0;
    heads_.Clear();
    g_python_api.PyUnstable_GC_VisitObjects(&OnVisited, this);
    for (const Address head : heads_) VisitList<Link::kNext>(head, wire::kListUnknown);
  }
}

template <typename Sink>
void ListWalk<Sink>::VisitFromEnd(Address interpreter) noexcept {
  for (std::uint32_t list = kCollectorLists; list-- > 0;) {
    if (!VisitList<Link::kPrevious>(CollectorListHead(interpreter, list), NumberOf(list))) return;
  }
}

template class ListWalk<DumpSink>;
template class ListWalk<CensusSink>;

}  // namespace memwhy::agent
