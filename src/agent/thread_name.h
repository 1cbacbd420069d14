// SPDX-License-Identifier: Apache-2.0
//
// threading.Thread's name, read from the frame that runs the thread (Thread._bootstrap's `self`).
// Context: the owning thread, inside malloc; reads only while it holds the GIL.
#pragma once

#include <cstddef>

namespace memwhy::agent {

struct FrameEntry;
struct ThreadState;

// `chain` is the thread's stack, root first. Writes kThreadName once a name is known.
void NameThread(ThreadState& t, const FrameEntry* chain, std::size_t depth) noexcept;

}  // namespace memwhy::agent
