// SPDX-License-Identifier: Apache-2.0
//
// The collector's lists, and its settings. Part of DumpWalk; same conditions.
#pragma once

#include "agent/dump_walk.h"

namespace memwhy::agent {

class DumpLists {
 public:
  explicit DumpLists(DumpWalk& walk) noexcept : walk_(walk) {}
  void WriteSettings(bool collects, cpython::Address interpreter) noexcept;
  // All that the collector of one interpreter knows, and the untracked objects behind them.
  void Write(cpython::Address interpreter) noexcept;

 private:
  bool WriteList(cpython::Address head, std::uint32_t list) noexcept;
  void FetchBehind(cpython::Address next) const noexcept;
  static int OnVisited(void* object, void* lists) noexcept;

  static constexpr std::uint32_t kMostLists = 16;
  DumpWalk& walk_;
  cpython::Address heads_[kMostLists] = {};  // where they were looked for
  std::uint32_t head_count_ = 0;
  cpython::Address last_ = 0;  // the head of the object visited last
};

}  // namespace memwhy::agent
