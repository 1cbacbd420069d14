// SPDX-License-Identifier: Apache-2.0
//
// The real-time signal by which a thread that sleeps is told of a request. The program must not
// notice that we use one: to it the signal looks as it did before (at its default), as long as it
// only asks. When it sets an action of its own the signal is the program's, and we look for
// another. A signal of this number that is not ours does what it would do: it ends the process.
#pragma once

namespace memwhy::agent {

// Called in the handler of the signal, which has saved errno.
using OnRequestSignal = void (*)() noexcept;

// Picks a signal that is at its default, installs its handler.
void InstallRequestSignal(OnRequestSignal on_signal) noexcept;
// In a forked child that has a ring of its own: says its signal there.
void ShowRequestSignal() noexcept;

}  // namespace memwhy::agent
