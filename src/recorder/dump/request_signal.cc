// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/request_signal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "base/unique_fd.h"
#include "os/process.h"
#include "os/process_status.h"
#include "recorder/dump/filter_check.h"
#include "recorder/signals/kernel_signals.h"
#include "wire/request_cookie.h"

namespace memwhy::recorder {
namespace {

constexpr long kSleepingCalls[] = {
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
    SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_ppoll,
#ifdef SYS_select
    SYS_select,
#endif
    SYS_pselect6,     SYS_nanosleep, SYS_clock_nanosleep, SYS_accept, SYS_accept4,
    SYS_read,         SYS_recvfrom,  SYS_recvmsg,         SYS_futex,
};
constexpr std::ptrdiff_t kNotAsleep = std::size(kSleepingCalls);

// The lower the better; kNotAsleep: not to be disturbed.
std::ptrdiff_t RankOf(const os::Task& task) {
  if (!task.system_call || task.state != 'S') return kNotAsleep;
  return std::find(std::begin(kSleepingCalls), std::end(kSleepingCalls), *task.system_call) -
         std::begin(kSleepingCalls);
}

bool Blocks(const FileSystem& fs, pid_t pid, pid_t tid, int number) {
  const auto status = os::ReadThreadStatus(fs, pid, tid);
  return !status || status->thread_group != pid ||
         (status->signals.blocked & SignalBit(number)) != 0;
}

// Sends `number` to one thread. `fd` is a pidfd of the thread, if the kernel makes such ones (6.9).
bool SendTo(pid_t pid, pid_t tid, int fd, int number) {
  siginfo_t info{};
  info.si_signo = number;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  const std::uint64_t cookie = wire::kRequestCookie;
  std::memcpy(&info.si_value, &cookie, sizeof(cookie));
  if (fd >= 0) return syscall(SYS_pidfd_send_signal, fd, number, &info, 0) == 0;
  return syscall(SYS_rt_tgsigqueueinfo, pid, tid, number, &info) == 0;
}

// Why the process as a whole must not get `number`; "" when it may.
std::string ObstacleOf(const os::SignalState& signals, int number) {
  if (number == 0) {
    return "its program uses all signals that could wake it";
  }
  if ((signals.ignored & SignalBit(number)) != 0) {
    return fmt::format("its program ignores signal {}, which would wake it", number);
  }
  if ((signals.caught & SignalBit(number)) == 0) {
    return fmt::format("its program has set signal {}, which would wake it, back to its default",
                       number);
  }
  return "";
}

}  // namespace

std::optional<pid_t> FindSleepingThread(const FileSystem& fs, pid_t pid, int number) {
  const auto tasks = os::ReadTasks(fs, pid);
  if (!tasks) return std::nullopt;
  std::optional<pid_t> best;
  std::ptrdiff_t best_rank = kNotAsleep;
  for (const os::Task& task : *tasks) {
    const std::ptrdiff_t rank = RankOf(task);
    if (rank >= best_rank) continue;
    if (number != 0 && Blocks(fs, pid, task.tid, number)) continue;
    best = task.tid;
    best_rank = rank;
  }
  return best;
}

WakeOutcome WakeTarget(const FileSystem& fs, const RingOwner& owner, RingMap& ring) {
  WakeOutcome outcome;
  const pid_t pid = owner.pid();
  const auto stat = os::ReadProcessStat(fs, pid);
  const auto status = os::ReadProcessStatus(fs, pid);
  if (!stat || !status || owner.IsGone()) {
    outcome.obstacle = "it has ended";
    return outcome;
  }
  if (stat->state == 'T' || stat->state == 't') {
    outcome.is_stopped = true;
    outcome.obstacle = status->tracer != 0
                           ? fmt::format("process {} traces it and has stopped it", status->tracer)
                           : fmt::format("it is stopped; continue it with kill -CONT {}", pid);
    return outcome;
  }
  const std::uint32_t tried = TriedFilters(ring.header());
  outcome.obstacle = FilterObstacle(*status, tried);
  if (!outcome.obstacle.empty()) {
    outcome.is_forbidden = true;
    return outcome;
  }
  // The number comes from the target: nothing but the real-time signals that an agent may choose.
  auto number = static_cast<int>(ring.header().request.signal);
  if (number < SIGRTMIN || number > SIGRTMAX) number = 0;
  outcome.obstacle = ObstacleOf(status->signals, number);
  if (!outcome.obstacle.empty()) {
    outcome.is_forbidden = true;
    return outcome;
  }
  const auto thread = FindSleepingThread(fs, pid, number);
  if (!thread) {
    outcome.obstacle =
        FindSleepingThread(fs, pid, 0)
            ? fmt::format("its threads that wait block signal {}, which would wake one", number)
            : "no thread of it waits in a system call that may be interrupted";
    return outcome;
  }
  // Once more, now that the thread cannot be mistaken, and as close to the signal as can be.
  constexpr unsigned kPidfdThread = O_EXCL;
  const UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, *thread, kPidfdThread)));
  const auto again = FindSleepingThread(fs, pid, number);
  const auto now = os::ReadThreadStatus(fs, pid, *thread);
  if (again != thread || !now || now->thread_group != pid ||
      (now->signals.blocked & SignalBit(number)) != 0 ||
      !ObstacleOf(now->signals, number).empty() || !FilterObstacle(*now, tried).empty() ||
      static_cast<int>(ring.header().request.signal) != number || owner.IsGone()) {
    outcome.obstacle = "its threads are busy";
    return outcome;
  }
  outcome.was_sent = SendTo(pid, *thread, fd.get(), number);
  if (!outcome.was_sent) {
    outcome.obstacle = fmt::format("it may not be signalled ({})", std::strerror(errno));
  }
  return outcome;
}

}  // namespace memwhy::recorder
