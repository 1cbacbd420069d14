// SPDX-License-Identifier: Apache-2.0
//
// Objects that nothing of Python leads to, found in memory. Part of DumpWalk, in a clone only: it
// needs guards.
#pragma once

#include "agent/dump_walk.h"
#include "agent/present_pages.h"

namespace memwhy::agent {

class DumpHidden {
 public:
  DumpHidden(DumpWalk& walk, FreeMemory& free) noexcept : walk_(walk), free_(free) {}
  // After everything else was written: what is known then is not hidden.
  void Write() noexcept;

 private:
  void WriteRange(cpython::Address first, cpython::Address last) noexcept;
  bool IsInside(cpython::Address at) noexcept;
  bool IsStack(const Mapping& mapping) const noexcept;

  DumpWalk& walk_;
  FreeMemory& free_;
  FaultGuard guard_;                 // around the trees, which the walk's own guards
  std::uint64_t* filter_ = nullptr;  // of the addresses of all types
  PresentPages pages_;
};

}  // namespace memwhy::agent
