// SPDX-License-Identifier: Apache-2.0
//
// The collector's lists, and its settings. Part of DumpWalk; same conditions.
#pragma once

#include "agent/walk/dump_walk.h"

namespace memwhy::agent {

class DumpLists {
 public:
  explicit DumpLists(DumpWalk& walk) noexcept : walk_(walk) {}
  void WriteSettings(bool collects, cpython::Address interpreter) noexcept;
  // All that the collector of one interpreter knows, and the untracked objects behind them. Of two
  // lanes the first begins with the first object of the first list, the second with the last of
  // the last; each ends where it comes to what the other has written.
  void Write(cpython::Address interpreter) noexcept;
  void WriteFromEnd(cpython::Address interpreter) noexcept;
  // Whether the lists are where they can be walked from both ends.
  static bool HasEnds() noexcept;

 private:
  // The direction of a walk: the word of an object's head that leads on.
  enum class Link : std::uint32_t { kNext = 0, kPrevious = 8 };

  static cpython::Address ListHead(cpython::Address interpreter, std::uint32_t list) noexcept;
  template <Link link>
  bool WriteList(cpython::Address head, std::uint32_t list) noexcept;
  template <Link link>
  void FetchBehind(cpython::Address next) const noexcept;
  static int OnVisited(void* object, void* lists) noexcept;

  static constexpr std::uint32_t kMaxLists = 16;
  DumpWalk& walk_;
  cpython::Address heads_[kMaxLists] = {};  // where they were looked for
  std::uint32_t head_count_ = 0;
  cpython::Address last_ = 0;  // the head of the object visited last
};

}  // namespace memwhy::agent
