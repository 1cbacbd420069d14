// SPDX-License-Identifier: Apache-2.0
//
// Tells a signal that was sent to our process from one that was sent to our process group, which
// the kernel does not tell: a process of ours in the same group, with all signals blocked. Nobody
// knows its pid, so a signal that waits in it was sent to the group. It was forked later than we
// joined the group, and whoever signals a group holds one lock until all members have the signal
// (PassGroupSignals waits for that lock): when we see a signal, the witness has it already, or was
// not meant.
// It also does what a stopped process cannot: see that the child that it was stopped for goes on.
//
// The witness ends with us, holds no file and no folder of ours, and is never signalled by name: it
// has another name and no arguments. One thread at a time.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <optional>

#include "base/unique_fd.h"
#include "recorder/signals/kernel_signals.h"

namespace memwhy::recorder {

class GroupWitness {
 public:
  // Forks it. The calling thread has all signals blocked, and is the last to end.
  GroupWitness();
  ~GroupWitness();
  GroupWitness(const GroupWitness&) = delete;
  GroupWitness& operator=(const GroupWitness&) = delete;

  // Without one (it could not be made, or was killed) nothing is pending in it.
  bool is_alive() const { return static_cast<bool>(socket_); }
  pid_t pid() const { return pid_; }

  // Readable once after each Arm, when a signal other than of a fault waits in it, and when it is
  // gone.
  int fd() const { return socket_.get(); }
  void TakeNotice();  // what made fd readable
  void Arm();

  SignalSet Pending();
  // Takes one signal from it.
  std::optional<siginfo_t> Take(int number);

  // From now on it continues us when we are stopped and a child of ours has changed its state.
  void WatchStop();
  void EndWatch();

 private:
  enum class Order : int;
  struct Request;
  struct Reply;
  bool Send(const Request& request);
  bool Receive(Reply* reply, int flags);
  std::optional<Reply> Ask(const Request& request);
  void Lose();
  [[noreturn]] static void Serve(int socket, pid_t parent);

  pid_t pid_ = 0;
  UniqueFd socket_;
};

// Returns when whoever is signalling a process group at this moment has signalled all its members.
void PassGroupSignals();

}  // namespace memwhy::recorder
