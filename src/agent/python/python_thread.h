// SPDX-License-Identifier: Apache-2.0
//
// The GIL for a thread of ours, of which Python does not know.
//
// Up to 3.11 a forked child takes the lock of Python's list of threads before it makes that lock
// anew: it hangs for ever if another thread was just adding itself when its parent forked. A thread
// adds itself without the GIL, which PyGILState_Ensure does in one step with waiting for it, so we
// do it in two, and no fork comes in between.
#pragma once

namespace memwhy::agent {

// A thread state of the main interpreter, with the GIL; null: no memory, and no GIL. As with
// PyGILState_Ensure the thread may never come back when the interpreter is being finalized.
void* TakeGil() noexcept;
void GiveGil(void* state) noexcept;

}  // namespace memwhy::agent
