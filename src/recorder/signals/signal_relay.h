// SPDX-License-Identifier: Apache-2.0
//
// Signals that reach the recorder while a target runs go to the target, as if it were this process;
// none ends or stops the recorder. What was sent to the process group is not passed on: the target
// is in the group and has it already (group_witness.h). When the target stops, the recorder stops
// by the same signal, so that whoever waits for it (a shell) sees it, and goes on with it.
//
// All signals are blocked in all threads; one thread takes them, in no handler. Signals of faults
// have handlers, so that a fault of the recorder itself ends it as usual.
// One relay at a time. Its functions are called by the thread that made it.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "recorder/signals/group_witness.h"
#include "recorder/signals/kernel_signals.h"

namespace memwhy::recorder {

class SignalRelay {
 public:
  enum class Policy {
    kPassOn,     // run: all go to the target
    kInterrupt,  // diagnose: SIGINT and SIGTERM mean stop; the others go to the target
  };

  // From now on signals wait.
  explicit SignalRelay(Policy policy);
  // kPassOn: signals stay blocked after Begin, so that none changes how we end.
  ~SignalRelay();
  SignalRelay(const SignalRelay&) = delete;
  SignalRelay& operator=(const SignalRelay&) = delete;

  // The target, forked from us and not yet let go, in our process group; what waits is passed on
  // before this returns.
  void Begin(pid_t target);
  // The target is gone, or must not be signalled any more: signals are dropped. May be called
  // twice. Before the target is waited for by its pid alone.
  void End();
  // The signal that asked to stop, or 0.
  int Interrupt() const { return interrupt_.load(std::memory_order_relaxed); }
  // In the forked child before exec: the dispositions and mask that we were started with.
  void RestoreInChild() const;
  // In a handler: passes on a signal of a fault that another process has sent. False: nobody does.
  static bool PassOn(int number);

 private:
  void Serve();
  void Settle();
  void Judge(int number);
  void Deliver(int number, siginfo_t& info);
  bool TakeQueued(int number, const siginfo_t& info);
  bool TargetIsElsewhere() const;
  void FollowStops();
  bool TargetIsStopped() const;
  void AwaitRest() const;
  void StopLike(int number);

  void RestoreDispositions() const;

  const Policy policy_;
  SignalSet mask_before_;
  std::array<struct sigaction, kLastSignal + 1> before_;  // of those that we change
  pid_t target_ = 0;
  UniqueFd target_fd_;
  std::atomic<bool> has_target_{false};
  std::atomic<int> interrupt_{0};
  bool has_news_ = false;  // the target may have stopped or gone on
  SignalSet passed_ = 0;   // the next such signal was to the group; the witness has none any more
  std::unique_ptr<GroupWitness> witness_;
  // What the witness has taken of signals that queue, and we have not yet.
  std::array<std::vector<siginfo_t>, kLastSignal + 1> witnessed_;
  UniqueFd faults_read_;  // signals of faults that were sent to us, one byte each
  UniqueFd stop_;         // an eventfd: the thread shall end
  std::thread thread_;
};

}  // namespace memwhy::recorder
