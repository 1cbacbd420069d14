// SPDX-License-Identifier: Apache-2.0
//
// Requests from outside (wire/ring.h: request_*): a look at the heap, run in the target.
//
// How one gets in, without a thread of ours waiting in the target: the poster sends the request's
// signal to a thread that sleeps in a system call; its handler starts a thread, which serves the
// request and ends. Where no thread sleeps, or none may be signalled, the next allocation notices
// the posted request and asks the interpreter to run it on the main thread between two bytecodes
// (Py_AddPendingCall); when that thread waits for long, a later allocation starts the thread.
// Everything that the serving thread allocates comes from private memory.
#pragma once

namespace memwhy::agent {

// Picks a free real-time signal (request_signal.h), installs its handler.
void InstallRequestSignal() noexcept;

}  // namespace memwhy::agent
