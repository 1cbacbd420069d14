// SPDX-License-Identifier: Apache-2.0
//
// Keeps this process from forking (fork, os.fork, multiprocessing) for a few milliseconds in which
// a child would come out broken. A fork that has begun is waited for, a new one waits for us. Not
// vfork, posix_spawn and bare system calls: they ask nobody.
#pragma once

namespace memwhy::agent {

// One thread at a time: that which serves requests.
void CloseForkGate() noexcept;
void OpenForkGate() noexcept;

// Handlers of pthread_atfork, of the thread that forks.
void PassForkGate() noexcept;
void LeaveForkGate(bool is_child) noexcept;

}  // namespace memwhy::agent
