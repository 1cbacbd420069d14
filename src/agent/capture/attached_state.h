// SPDX-License-Identifier: Apache-2.0
//
// The Python thread state that the calling thread runs with: its own of the main interpreter, or
// that of a sub-interpreter that it has switched to.
//
// From 3.12 on the runtime's automatic key follows each switch. Up to 3.11 it keeps naming the
// first state of the thread, so with more than one interpreter we look at the state that holds the
// GIL: it is ours when its thread is; and while the GIL is released, it is the innermost one of
// those that were ours that an interpreter still lists and that runs code. States of others may
// vanish under us: they are read by copies that fail instead of faulting. Context: the owning
// thread, inside malloc, with or without the GIL.  Allocates: never.
#pragma once

#include "cpython/peek.h"

namespace memwhy::agent {

struct ThreadState;

// What a thread remembers of its Python thread states.
struct AttachedStates {
  static constexpr std::uint32_t kMax = 4;
  cpython::Address current = 0;         // at the last event
  cpython::Address entered[kMax] = {};  // interpreters called from interpreters, outermost first
  std::uint32_t depth = 0;
  bool is_cut = false;  // there were more: the last one took the place of others
};

// Which one it is could not be told. No address of a state.
inline constexpr cpython::Address kUncertainState = 1;

// 0: the thread has none, it runs no Python.
cpython::Address AttachedState(ThreadState& t) noexcept;

}  // namespace memwhy::agent
