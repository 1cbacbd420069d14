// SPDX-License-Identifier: Apache-2.0
//
// Writes the name of threading's Thread into the thread's stream (thread_name.h finds it).
// Context: the owning thread, inside malloc; reads only while it holds the GIL.
#pragma once

#include "cpython/peek.h"

namespace memwhy::agent {

struct ThreadState;

// `frame` is the thread's outermost one and runs `code`. Writes kThreadName once a name is known.
void NameThread(ThreadState& t, cpython::Address frame, cpython::Address code) noexcept;

}  // namespace memwhy::agent
