// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_lanes.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "agent/ground/hung_up.h"

namespace memwhy::agent {
namespace {

// Where processors are short the second gets less of them, and the target goes first.
constexpr int kNice = 10;
constexpr long kDumpLanesLookNs = 10'000'000;  // how often who waits looks whether the other lives

void StepBack() noexcept {
  constexpr int kNicest = 19;
  constexpr int kKernelsZero = 20;  // the system call returns 20 - nice
  const long policy = syscall(SYS_sched_getscheduler, 0);
  if (policy == SCHED_FIFO || policy == SCHED_RR) {
    const sched_param usual{0};
    syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &usual);
  }
  const long nice = kKernelsZero - syscall(SYS_getpriority, PRIO_PROCESS, 0) + kNice;
  syscall(SYS_setpriority, PRIO_PROCESS, 0, nice < kNicest ? nice : kNicest);
}

}  // namespace

bool DumpLanes::Start() noexcept {
  board_ = static_cast<Board*>(MapShared(sizeof(Board)));
  if (board_ != nullptr) board_->second = 0;  // there is a page for it, now
  return board_ != nullptr;
}

void DumpLanes::KeepFromForks() noexcept {
  if (board_ != nullptr) syscall(SYS_madvise, board_, sizeof(Board), MADV_DONTFORK);
}

bool DumpLanes::Reap(bool is_whole) noexcept {
  if (count() == 1) return true;
  int status = 0;
  // __WCLONE: never a child that the target has forked itself.
  if (syscall(SYS_wait4, board_->second, &status, __WCLONE | WNOHANG, nullptr) == 0) {
    if (!is_whole) syscall(SYS_kill, board_->second, SIGKILL);
    while (syscall(SYS_wait4, board_->second, nullptr, __WCLONE, nullptr) < 0 && errno == EINTR) {
    }
  }
  return !WIFSIGNALED(status);
}

void DumpLanes::Release() noexcept {
  if (board_ != nullptr) UnmapRaw(board_, sizeof(Board));
  board_ = nullptr;
}

DumpLanes::Role DumpLanes::Split(int output) noexcept {
  output_ = output;
  itimerval limit;  // which a clone does not inherit
  if (syscall(SYS_getitimer, ITIMER_REAL, &limit) != 0) return Role::kAlone;
  int ends[2];
  if (syscall(SYS_pipe2, ends, O_CLOEXEC) != 0) return Role::kAlone;
  // The pid is where the target finds it even if this process is killed meanwhile.
  const long pid =
      syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID, nullptr, &board_->second, nullptr, 0);
  const int other = pid == 0 ? ends[0] : ends[1];
  syscall(SYS_close, other);
  if (pid == 0) {
    setitimer(ITIMER_REAL, &limit, nullptr);
    StepBack();
    return Role::kSecond;
  }
  life_ = ends[0];
  if (pid > 0) return Role::kFirst;
  board_->second = 0;
  syscall(SYS_close, life_);
  return Role::kAlone;
}

bool DumpLanes::HasEnded() const noexcept { return life_ >= 0 && IsHungUp(life_); }

bool DumpLanes::TakeTurn() noexcept {
  while (true) {
    std::uint32_t free = 0;
    if (board_->turn.compare_exchange_strong(free, 1, std::memory_order_acquire)) return true;
    const bool has_ended = HasEnded();
    if (has_ended && board_->turn.load(std::memory_order_acquire) != 0) return false;
    if (IsHungUp(output_)) return false;
    const timespec wait{0, kDumpLanesLookNs};
    syscall(SYS_futex, &board_->turn, FUTEX_WAIT, 1, &wait, nullptr, 0);
  }
}

void DumpLanes::PassTurn() noexcept {
  board_->turn.store(0, std::memory_order_release);
  syscall(SYS_futex, &board_->turn, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void DumpLanes::End(bool is_whole, std::uint64_t objects, std::uint64_t edges,
                    std::uint64_t skipped) noexcept {
  board_->objects = objects;
  board_->edges = edges;
  board_->skipped = skipped;
  board_->is_whole.store(is_whole ? 1 : 0, std::memory_order_release);
  syscall(SYS_exit_group, is_whole ? 0 : 1);
  __builtin_unreachable();
}

bool DumpLanes::Join() noexcept {
  pollfd end{life_, 0, 0};
  while (syscall(SYS_ppoll, &end, 1, nullptr, nullptr, 0) < 0 && errno == EINTR) {
  }
  return board_->is_whole.load(std::memory_order_acquire) != 0;
}

}  // namespace memwhy::agent
