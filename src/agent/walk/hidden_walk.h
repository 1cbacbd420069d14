// SPDX-License-Identifier: Apache-2.0
//
// Objects that nothing of Python leads to, found in memory. Part of HeapWalk, in a clone only: it
// needs guards.
#pragma once

#include "agent/memory/present_pages.h"
#include "agent/walk/frame_chunks.h"
#include "agent/walk/heap_walk.h"

namespace memwhy::agent {

template <typename Sink>
class HiddenWalk {
 public:
  HiddenWalk(HeapWalk<Sink>& walk, FreeMemory& free) noexcept
      : walk_(walk),
        state_(walk.state()),
        free_(free),
        chunks_(*g_agent.python.layout, walk.state().map) {}
  ~HiddenWalk() { FreeRaw(is_stack_); }
  HiddenWalk(const HiddenWalk&) = delete;
  HiddenWalk& operator=(const HiddenWalk&) = delete;
  // After everything else was visited: what is known then is not hidden.
  void Visit() noexcept;

 private:
  void VisitRange(cpython::Address first, cpython::Address last) noexcept;
  bool IsInside(cpython::Address at, cpython::Address block) noexcept;
  static bool IsThreadStack(const Mapping& mapping) noexcept;
  bool FindStacks() noexcept;
  bool FindChunks() noexcept;

  HeapWalk<Sink>& walk_;
  WalkState& state_;
  FreeMemory& free_;
  FaultGuard guard_;                 // around what lies outside of the trees
  std::uint64_t* filter_ = nullptr;  // of the addresses of all types
  RawArray<std::uint8_t> is_stack_;  // by mapping
  FrameChunks chunks_;
  PresentPages pages_;
};

}  // namespace memwhy::agent
