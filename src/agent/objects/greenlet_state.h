// SPDX-License-Identifier: Apache-2.0
//
// What the package greenlet keeps of a greenlet beside its object: a block of C++'s with the frame
// where it stopped, its context and the exception that it handles. Its traversal tells none of it.
// Reads only; no malloc.
//
// Source: greenlet src/greenlet/greenlet_greenlet.hpp (struct _greenlet and class Greenlet, 2.0 to
// 3.5); before 2.0 the object itself had it.
#pragma once

#include "agent/memory/free_memory.h"
#include "agent/memory/memory_map.h"
#include "cpython/peek.h"

namespace memwhy::agent {

struct GreenletState {
  cpython::Address begin = 0;
  cpython::Address end = 0;  // begin: none
};

// Whether objects of `type`, which is greenlet.greenlet, are of this kind.
bool HasGreenletState(cpython::Address type) noexcept;

// Of an object of such a type. `free`: null where nobody knows where blocks end.
GreenletState FindGreenletState(cpython::Address greenlet, const MemoryMap& map,
                                FreeMemory* free) noexcept;

}  // namespace memwhy::agent
