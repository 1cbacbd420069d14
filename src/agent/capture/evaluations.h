// SPDX-License-Identifier: Apache-2.0
//
// Which frames of a thread's Python chain are run by which evaluation, and where each evaluation
// lies on the C stack. Context: the owning thread, just after CaptureStack.  Allocates: never.
#pragma once

namespace memwhy::agent {

struct NativeStack;
struct ThreadState;

// Whether this interpreter's evaluations leave an object on the C stack (3.10 and later).
bool HasAnchors() noexcept;

// Fills native.evaluations. False: the chain and the evaluations do not belong together, or there
// is no memory.
bool CollectEvaluations(ThreadState& t, NativeStack& native) noexcept;

}  // namespace memwhy::agent
