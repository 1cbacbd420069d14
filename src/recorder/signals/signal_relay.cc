// SPDX-License-Identifier: Apache-2.0
#include "recorder/signals/signal_relay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/file_system.h"
#include "base/strings.h"
#include "os/process.h"
#include "recorder/signals/file_size_signal.h"

namespace memwhy::recorder {
namespace {

constexpr std::array kStops = {SIGTSTP, SIGTTIN, SIGTTOU};

constexpr SignalSet kStopSet = SignalBit(SIGTSTP) | SignalBit(SIGTTIN) | SignalBit(SIGTTOU);

// SIGKILL and SIGSTOP cannot be blocked; the kernel leaves them out.
constexpr SignalSet kTaken = ~kFaultSet;

std::atomic<int> g_faults_write{-1};
std::atomic<pid_t> g_owner{0};
std::array<struct sigaction, kLastSignal + 1> g_fault_before;

void OnFault(int number, siginfo_t* info, void*) {
  const int saved = errno;
  if (info->si_code > 0 || !SignalRelay::PassOn(number)) {
    // Our own: the instruction faults again, or the signal is sent again, with what was there.
    sigaction(number, &g_fault_before[static_cast<std::size_t>(number)], nullptr);
    if (info->si_code <= 0) raise(number);
  }
  errno = saved;
}

bool Queues(int number) { return number >= 32; }

// Fires for a process alone, never for a group, although the kernel sends it.
bool IsTimer(int number) {
  return number == SIGALRM || number == SIGVTALRM || number == SIGPROF || number == SIGXCPU;
}

bool IsStop(int number) { return std::find(kStops.begin(), kStops.end(), number) != kStops.end(); }

bool IsSame(const siginfo_t& a, const siginfo_t& b) {
  return a.si_code == b.si_code && a.si_pid == b.si_pid && a.si_uid == b.si_uid &&
         a.si_value.sival_ptr == b.si_value.sival_ptr;
}

}  // namespace

SignalRelay::SignalRelay(Policy policy) : policy_(policy) {
  mask_before_ = ChangeMask(SIG_BLOCK, kTaken);
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  // Ignored, our children would leave no status; we stop ourselves by the others.
  sigaction(SIGCHLD, &usual, &before_[SIGCHLD]);
  for (const int number : kStops) {
    sigaction(number, &usual, &before_[static_cast<std::size_t>(number)]);
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
    faults_read_.Reset(ends[0]);
    g_faults_write.store(ends[1]);
  }
  g_owner.store(getpid());
  struct sigaction ours{};
  ours.sa_sigaction = &OnFault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&ours.sa_mask);
  for (const int number : kFaults) {
    const auto index = static_cast<std::size_t>(number);
    sigaction(number, &ours, &before_[index]);
    g_fault_before[index] = before_[index];
  }
}

SignalRelay::~SignalRelay() {
  const bool has_begun = witness_ != nullptr;
  End();
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    static_cast<void>(!write(stop_.get(), &one, sizeof(one)));
    thread_.join();
  }
  witness_.reset();
  RestoreDispositions();
  close(g_faults_write.exchange(-1));
  if (!has_begun || policy_ == Policy::kInterrupt) ChangeMask(SIG_SETMASK, mask_before_);
}

void SignalRelay::RestoreDispositions() const {
  for (const int number : kFaults) {
    sigaction(number, &before_[static_cast<std::size_t>(number)], nullptr);
  }
  for (const int number : kStops) {
    sigaction(number, &before_[static_cast<std::size_t>(number)], nullptr);
  }
  sigaction(SIGCHLD, &before_[SIGCHLD], nullptr);
}

void SignalRelay::RestoreInChild() const {
  RestoreDispositions();
  ChangeMask(SIG_SETMASK, mask_before_);
}

bool SignalRelay::PassOn(int number) {
  // A forked child of ours has the handler, and must not speak for us.
  const int fd = g_faults_write.load(std::memory_order_relaxed);
  if (fd < 0 || g_owner.load(std::memory_order_relaxed) != getpid()) return false;
  const auto byte = static_cast<char>(number);
  static_cast<void>(!write(fd, &byte, 1));
  return true;
}

void SignalRelay::Begin(pid_t target) {
  target_ = target;
  target_fd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, target, 0)));
  has_target_.store(true);
  witness_ = std::make_unique<GroupWitness>();
  stop_.Reset(eventfd(0, EFD_CLOEXEC));
  // The target still has all signals blocked: one that was sent to the group between the two forks
  // waits in it, and passing it on adds none.
  Settle();
  ChangeMask(SIG_BLOCK, kFaultSet);
  thread_ = std::thread([this] { Serve(); });
  ChangeMask(SIG_UNBLOCK, kFaultSet & ~mask_before_);
}

void SignalRelay::End() { has_target_.store(false); }

void SignalRelay::Serve() {
  const UniqueFd signals(OpenSignalFd(kTaken));
  while (true) {
    pollfd polls[4] = {{signals.get(), POLLIN, 0},
                       {stop_.get(), POLLIN, 0},
                       {faults_read_.get(), POLLIN, 0},
                       {witness_->fd(), POLLIN, 0}};
    if (poll(polls, std::size(polls), -1) < 0 && errno != EINTR) return;
    if (polls[1].revents != 0) return;
    if (polls[3].revents != 0) witness_->TakeNotice();
    char fault = 0;
    while (polls[2].revents != 0 && read(faults_read_.get(), &fault, 1) == 1) {
      siginfo_t info{};
      if (!witness_->Take(fault) || TargetIsElsewhere()) Deliver(fault, info);
    }
    Settle();
    if (std::exchange(has_news_, false)) FollowStops();
  }
}

// Takes all that waits, here and in the witness.
void SignalRelay::Settle() {
  while (true) {
    SignalSet pending = PendingSignals() & kTaken;
    // Who sends to the group just now may have come to us, and not yet to the witness.
    if (pending != 0) PassGroupSignals();
    for (int number = 1; number <= kLastSignal; ++number) {
      if ((pending & SignalBit(number)) != 0) Judge(number);
    }
    // What waits in the witness alone came to us together with one that we have taken, or was sent
    // to it by its pid. Kept, it would hide a signal to us.
    // (Those of faults have left us for a handler, and are asked for when it has told of them.)
    const SignalSet left = witness_->Pending() & kTaken;
    if (left != 0) PassGroupSignals();
    pending = PendingSignals() & kTaken;
    const SignalSet stale = left & ~pending;
    for (int number = 1; number <= kLastSignal; ++number) {
      if ((stale & SignalBit(number)) != 0 && !Queues(number)) witness_->Take(number);
    }
    // One more to the group, between that look and this, has gone from the witness with the others.
    if (stale != 0) PassGroupSignals();
    pending = PendingSignals() & kTaken;
    passed_ = stale & pending;
    if (pending == 0) break;
  }
  witness_->Arm();
}

void SignalRelay::Judge(int number) {
  // The witness first: a second signal to the group joins the first one in both, or in none.
  bool is_witnessed = !Queues(number) && witness_->Take(number).has_value();
  if (!Queues(number) && (passed_ & SignalBit(number)) != 0) is_witnessed = true;
  passed_ &= ~SignalBit(number);
  siginfo_t info{};
  if (!TakeSignal(number, &info)) return;
  if (number == SIGCHLD) has_news_ = true;
  if (number == SIGCHLD && info.si_code > 0) return;
  if (IsOwnFileSizeSignal(number, info)) return;
  if (info.si_code <= 0 && info.si_pid == witness_->pid()) return;  // it has continued us
  if (policy_ == Policy::kInterrupt && (number == SIGINT || number == SIGTERM)) {
    interrupt_.store(number, std::memory_order_relaxed);
    return;
  }
  if (Queues(number)) is_witnessed = TakeQueued(number, info);
  if (!witness_->is_alive()) is_witnessed = info.si_code == SI_KERNEL && !IsTimer(number);
  if (is_witnessed && !TargetIsElsewhere()) return;
  // A SIGCONT takes away stops that wait; in the witness this one's, if the group has both by now.
  if (IsStop(number) && (witness_->Pending() & SignalBit(SIGCONT)) != 0) return;
  // We run, so somebody has continued us; the stop has taken the SIGCONT away before we could.
  if (IsStop(number) && TargetIsStopped()) {
    siginfo_t none{};
    Deliver(SIGCONT, none);
  }
  Deliver(number, info);
}

bool SignalRelay::TakeQueued(int number, const siginfo_t& info) {
  auto& seen = witnessed_[static_cast<std::size_t>(number)];
  while (const auto one = witness_->Take(number)) seen.push_back(*one);
  const auto found = std::find_if(seen.begin(), seen.end(),
                                  [&](const siginfo_t& other) { return IsSame(info, other); });
  if (found == seen.end()) return false;
  seen.erase(found);
  return true;
}

// Whether the target has left a group that it could not leave if it were this process: its leader.
bool SignalRelay::TargetIsElsewhere() const {
  return getpgrp() == getpid() && getpgid(target_) != getpgrp();
}

void SignalRelay::Deliver(int number, siginfo_t& info) {
  if (!has_target_.load()) return;
  // Nobody may send in another's name, but the value of a queued signal can be kept.
  siginfo_t* kept = info.si_code == SI_QUEUE ? &info : nullptr;
  if (target_fd_) {
    syscall(SYS_pidfd_send_signal, target_fd_.get(), number, kept, 0);
  } else if (kept != nullptr) {
    syscall(SYS_rt_sigqueueinfo, target_, number, kept);
  } else {
    kill(target_, number);
  }
}

void SignalRelay::FollowStops() {
  int stopped_by = 0;
  bool has_settled = false;
  while (has_target_.load()) {
    siginfo_t info{};
    constexpr int kHow = WSTOPPED | WCONTINUED | WNOHANG;
    const bool is_news =
        waitid(P_PID, static_cast<id_t>(target_), &info, kHow) == 0 && info.si_pid != 0;
    if (is_news) {
      stopped_by = info.si_code == CLD_STOPPED ? info.si_status : 0;
      has_settled = false;
    } else if (stopped_by == 0) {
      return;
    } else if (!std::exchange(has_settled, true)) {
      // A SIGCHLD that told of this stop and is late would be taken for news while we are stopped.
      AwaitRest();
      Settle();
    } else if ((PendingSignals() & SignalBit(SIGCONT)) != 0) {
      // A stop signal of ours would take it away. Passed on, it may continue the target.
      Settle();
    } else {
      has_news_ = false;
      StopLike(stopped_by);
      stopped_by = 0;
    }
  }
}

bool SignalRelay::TargetIsStopped() const {
  const auto stat = os::ReadProcessStat(RealFileSystem(), target_);
  return stat && stat->state == 'T';
}

// Returns when no thread of the target is on a processor, or could be seen to be. A thread that
// stops tells us before it leaves the processor.
void SignalRelay::AwaitRest() const {
  constexpr int kLooks = 200;
  constexpr timespec kPause{0, 500'000};
  const RealFileSystem fs;
  for (int look = 0; look < kLooks && TargetIsStopped(); ++look) {
    const std::string folder = fmt::format("/proc/{}/task", target_);
    const auto tasks = fs.ListDir(folder);
    if (!tasks) return;
    const bool rests = std::all_of(tasks->begin(), tasks->end(), [&](const std::string& task) {
      const auto place = fs.ReadSmall(JoinPath(JoinPath(folder, task), "wchan"));
      return !place || *place != "0";
    });
    if (rests) return;
    nanosleep(&kPause, nullptr);
  }
}

// Returns when we have been continued.
void SignalRelay::StopLike(int number) {
  // The target may go on at any time, also before we stop. What it does from now on leaves a
  // SIGCHLD that waits.
  witness_->WatchStop();
  syscall(SYS_tgkill, getpid(), gettid(), number);
  ChangeMask(SIG_UNBLOCK, SignalBit(number));
  ChangeMask(SIG_BLOCK, SignalBit(number));
  witness_->EndWatch();
}

}  // namespace memwhy::recorder
