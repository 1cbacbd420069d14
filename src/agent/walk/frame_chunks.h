// SPDX-License-Identifier: Apache-2.0
//
// The mappings where CPython 3.11 and later has the frames of running functions, one list of them
// a thread and one a greenlet. The kernel merges such a mapping with its neighbours, arenas for
// instance, so that the map of memory does not show where it ends: its own head does.
// In a clone; reads only; no malloc.
//
// Source: CPython Include/cpython/pystate.h (struct _stack_chunk {previous, size, top, data}),
// Python/pystate.c (allocate_chunk); greenlet src/greenlet/TPythonState.cpp.
#pragma once

#include "agent/ground/raw_list.h"
#include "agent/memory/memory_map.h"
#include "cpython/layout.h"
#include "cpython/peek.h"

namespace memwhy::agent {

class FrameChunks {
 public:
  FrameChunks(const cpython::Layout& layout, const MemoryMap& map) noexcept
      : layout_(layout), map_(map) {}

  // Those of a PyThreadState. False: no memory for the list.
  [[nodiscard]] bool AddThread(cpython::Address thread) noexcept;
  // Those that a word of [begin, end) points to: greenlet's own memory. False: no memory.
  [[nodiscard]] bool AddPointedTo(cpython::Address begin, cpython::Address end) noexcept;
  // After all were added.
  void Sort() noexcept;
  bool Contains(cpython::Address address) const noexcept;

 private:
  [[nodiscard]] bool AddList(cpython::Address chunk) noexcept;
  bool IsChunk(cpython::Address address) const noexcept;

  const cpython::Layout& layout_;
  const MemoryMap& map_;
  RawList<MemoryRange> chunks_;  // by address, after Sort
};

}  // namespace memwhy::agent
