// SPDX-License-Identifier: Apache-2.0
//
// A thread's stack of Python and C frames as one node id of its stream (--native).
//
// Each evaluation of Python code leaves an object on the C stack: a CFrame (3.10, 3.11), a frame
// that is a shim (from 3.12 on). The C frame in whose bytes it lies is that evaluation, and the
// Python frames that it runs take the C frame's place; from 3.11 on these may be several. 3.8 and
// 3.9 have no such object: there a frame of the evaluator holds the frame object's address.
// Invariant: frames stand in this order in the thread's own stack. What does not fit, each
// evaluation to exactly one C frame in order, is not merged: the Python stack, a mark, then the C
// frames that were called last (decision 0052).
// Context: the owning thread, inside malloc.  Allocates: never by malloc.
#pragma once

#include <cstdint>

#include "agent/unwind/stack_walk.h"

namespace memwhy::agent {

struct ThreadState;

struct KnownModule {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::uintptr_t bias;
  std::uint32_t code;
};

// An evaluation of Python code, and which frames of the chain it runs.
struct Evaluation {
  std::uintptr_t anchor;  // on the C stack; up to 3.9 the frame object
  std::uint32_t begin;
  std::uint32_t end;
};

struct NativeStack {
  StackWalk walk;
  KnownModule* modules = nullptr;
  std::uint32_t module_count = 0;
  std::uint32_t module_capacity = 0;
  Evaluation* evaluations = nullptr;  // outermost first
  std::uint32_t evaluation_count = 0;
  std::uint32_t evaluation_capacity = 0;
  std::uint32_t outside = 0;  // code id of what lies in no file; 0: not defined yet
  std::uint32_t mark = 0;     // the same of marks
};

// Whether C frames are recorded. Set by PrepareNativeStacks only.
extern bool g_has_native_stacks;

// Once, at start, after FindPython. False: not possible here (glibc before 2.35, another machine).
bool PrepareNativeStacks() noexcept;

// Null: no memory.
NativeStack* MakeNativeStack() noexcept;

// Another stream begins.
void ResetNativeStack(NativeStack& native) noexcept;

// Libraries may have gone: their rules are asked for again. Any thread.
void NoteUnload() noexcept;

// `python` is what CaptureStack has just given for this thread.
std::uint32_t CaptureNative(ThreadState& t, std::uint32_t python) noexcept;

}  // namespace memwhy::agent
