// SPDX-License-Identifier: Apache-2.0
//
// threading.Thread's name, read from the frame that runs the thread (Thread._bootstrap's `self`).
// Context: the owning thread, inside malloc; reads only while it holds the GIL.
#pragma once

#include <cstddef>

#include "cpython/peek.h"

namespace memwhy::agent {

struct FrameEntry;
struct ThreadState;

// `chain` is the thread's stack, root first. Writes kThreadName once a name is known.
void NameThread(ThreadState& t, const FrameEntry* chain, std::size_t depth) noexcept;

// The same name as a str, of a thread whose outermost frame is `frame` and runs `code`; 0: it is
// not one of threading's. With the GIL held, or in a clone.
cpython::Address FindThreadName(cpython::Address frame, cpython::Address code) noexcept;

}  // namespace memwhy::agent
