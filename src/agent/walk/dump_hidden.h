// SPDX-License-Identifier: Apache-2.0
//
// Objects that nothing of Python leads to, found in memory. Part of DumpWalk, in a clone only: it
// needs guards.
#pragma once

#include "agent/memory/present_pages.h"
#include "agent/walk/dump_walk.h"
#include "cpython/frames.h"

namespace memwhy::agent {

class DumpHidden {
 public:
  DumpHidden(DumpWalk& walk, FreeMemory& free) noexcept : walk_(walk), free_(free) {}
  ~DumpHidden() { FreeRaw(is_stack_); }
  DumpHidden(const DumpHidden&) = delete;
  DumpHidden& operator=(const DumpHidden&) = delete;
  // After everything else was written: what is known then is not hidden.
  void Write() noexcept;

 private:
  void WriteRange(cpython::Address first, cpython::Address last) noexcept;
  bool IsInside(cpython::Address at) noexcept;
  static bool IsThreadStack(const Mapping& mapping) noexcept;
  bool FindStacks() noexcept;
  void MarkStack(cpython::Address place, bool is_small_only) noexcept;
  template <cpython::Family family>
  void MarkFrames(cpython::Address thread) noexcept;

  DumpWalk& walk_;
  FreeMemory& free_;
  FaultGuard guard_;                 // around what lies outside of the trees
  std::uint64_t* filter_ = nullptr;  // of the addresses of all types
  RawArray<std::uint8_t> is_stack_;  // by mapping
  PresentPages pages_;
};

}  // namespace memwhy::agent
