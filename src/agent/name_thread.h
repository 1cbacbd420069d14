// SPDX-License-Identifier: Apache-2.0
//
// Writes the name of threading's Thread into the thread's stream (thread_name.h finds it).
// Context: the owning thread, inside malloc; reads only while it holds the GIL.
#pragma once

#include <cstddef>

namespace memwhy::agent {

struct FrameEntry;
struct ThreadState;

// `chain` is the thread's stack, root first. Writes kThreadName once a name is known.
void NameThread(ThreadState& t, const FrameEntry* chain, std::size_t depth) noexcept;

}  // namespace memwhy::agent
