// SPDX-License-Identifier: Apache-2.0
//
// The collector's lists. Part of HeapWalk; same conditions.
#pragma once

#include "agent/ground/fixed_list.h"
#include "agent/walk/heap_walk.h"

namespace memwhy::agent {

// Of a collector: the generations, and what gc.freeze() has set aside.
inline constexpr std::uint32_t kCollectorLists = 4;
// Whether the lists are where they can be walked from both ends.
bool CollectorListsHaveEnds() noexcept;
// The head of one; only where they have ends.
cpython::Address CollectorListHead(cpython::Address interpreter, std::uint32_t list) noexcept;

template <typename Sink>
class ListWalk {
 public:
  explicit ListWalk(HeapWalk<Sink>& walk) noexcept : walk_(walk) {}
  // All that the collector of one interpreter knows, and the untracked objects behind them. Of two
  // processes the first begins with the first object of the first list, the second with the last of
  // the last; each ends where it comes to what the other has visited.
  void Visit(cpython::Address interpreter) noexcept;
  void VisitFromEnd(cpython::Address interpreter) noexcept;

 private:
  // The direction of a walk: the word of an object's head that leads on.
  enum class Link : std::uint32_t { kNext = 0, kPrevious = 8 };

  template <Link link>
  bool VisitList(cpython::Address head, std::uint32_t list) noexcept;
  template <Link link>
  void FetchBehind(cpython::Address next) const noexcept;
  static int OnVisited(void* object, void* lists) noexcept;

  HeapWalk<Sink>& walk_;
  FixedList<cpython::Address, 16> heads_;  // where they were looked for
  cpython::Address last_ = 0;              // the head of the object visited last
};

}  // namespace memwhy::agent
