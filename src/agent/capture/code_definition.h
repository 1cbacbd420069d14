// SPDX-License-Identifier: Apache-2.0
//
// Describes a code object in the stream the first time that a thread meets it.
// Context: the owning thread, inside malloc; the code object hangs on one of its frames.
#pragma once

#include <cstdint>

#include "cpython/peek.h"

namespace memwhy::agent {

struct ThreadState;

// Writes kDefineCode. *has_module tells whether the module's name could be read: only while this
// thread holds the GIL, from the `__name__` of the frame's globals. False: no room in the ring.
bool WriteCodeDefinition(ThreadState& t, cpython::Address code, cpython::Address frame,
                         bool* has_module) noexcept;

// Writes kCodeModule if the name can be read now.
bool WriteCodeModule(ThreadState& t, std::uint32_t id, cpython::Address frame) noexcept;

// True when the calling thread, `t`, holds the GIL right now.
bool HoldsGil(const ThreadState& t) noexcept;

}  // namespace memwhy::agent
