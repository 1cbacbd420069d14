// SPDX-License-Identifier: Apache-2.0
#include "recorder/signals/group_witness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/file_system.h"
#include "base/strings.h"
#include "os/process.h"
#include "os/process_status.h"

namespace memwhy::recorder {
namespace {

constexpr int kWatchMs = 20;  // between two looks at a process that is stopped
constexpr char kName[] = "group-witness";

// What tools that signal processes by name look at.
void ChangeName() {
  prctl(PR_SET_NAME, kName);
  const auto stat = RealFileSystem().ReadSmall("/proc/self/stat");
  if (!stat) return;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return;
  const auto fields = SplitFields(Trim(std::string_view(*stat).substr(name_end + 1)));
  constexpr std::size_t kArgumentsBegin = 48 - 3;
  if (fields.size() <= kArgumentsBegin + 1) return;
  const auto begin = ParseUint(fields[kArgumentsBegin]);
  const auto end = ParseUint(fields[kArgumentsBegin + 1]);
  if (!begin || !end || *begin == 0 || *end <= *begin) return;
  std::memset(reinterpret_cast<void*>(*begin), 0, *end - *begin);
}

void CloseAllBut(int kept) {
  const auto close_range = [](unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
    constexpr unsigned kSomeLimit = 65536;
    for (unsigned fd = first; fd <= last && fd < kSomeLimit; ++fd) close(static_cast<int>(fd));
  };
  if (kept > 0) close_range(0, static_cast<unsigned>(kept) - 1);
  close_range(static_cast<unsigned>(kept) + 1, UINT_MAX);
}

// Stopped, with a SIGCHLD that waits.
bool SleepsOverNews(pid_t pid) {
  const RealFileSystem fs;
  const auto stat = os::ReadProcessStat(fs, pid);
  if (!stat || stat->state != 'T') return false;
  const auto status = os::ReadProcessStatus(fs, pid);
  return status && (status->signals.pending & SignalBit(SIGCHLD)) != 0;
}

}  // namespace

enum class GroupWitness::Order : int { kPending, kTake, kArm, kWatch, kEndWatch };

struct GroupWitness::Request {
  Order order;
  int number = 0;  // a signal
};

struct GroupWitness::Reply {
  bool is_notice = false;
  bool has_signal = false;
  SignalSet pending = 0;
  siginfo_t info{};
};

void PassGroupSignals() {
  // No such process: fails, but only behind the lock that a sender of group signals holds.
  setpgid(INT_MAX, 1);
}

GroupWitness::GroupWitness() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return;
  if (pid == 0) Serve(theirs.get(), parent);
  pid_ = pid;
  socket_ = std::move(ours);
  // It answers from when it is ready on.
  static_cast<void>(Pending());
}

GroupWitness::~GroupWitness() { Lose(); }

void GroupWitness::Lose() {
  socket_.Reset();
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

bool GroupWitness::Send(const Request& request) {
  if (!socket_) return false;
  if (send(socket_.get(), &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request)) return true;
  Lose();
  return false;
}

bool GroupWitness::Receive(Reply* reply, int flags) {
  if (!socket_) return false;
  ssize_t count = 0;
  do {
    count = recv(socket_.get(), reply, sizeof(*reply), flags);
  } while (count < 0 && errno == EINTR);
  if (count == sizeof(*reply)) return true;
  if (count >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) Lose();
  return false;
}

std::optional<GroupWitness::Reply> GroupWitness::Ask(const Request& request) {
  if (!Send(request)) return std::nullopt;
  Reply reply;
  do {
    if (!Receive(&reply, 0)) return std::nullopt;
  } while (reply.is_notice);
  return reply;
}

void GroupWitness::TakeNotice() {
  Reply reply;
  Receive(&reply, MSG_DONTWAIT);
}

void GroupWitness::Arm() { Send({Order::kArm, 0}); }

SignalSet GroupWitness::Pending() {
  const auto reply = Ask({Order::kPending, 0});
  return reply ? reply->pending : 0;
}

std::optional<siginfo_t> GroupWitness::Take(int number) {
  const auto reply = Ask({Order::kTake, number});
  if (!reply || !reply->has_signal) return std::nullopt;
  return reply->info;
}

void GroupWitness::WatchStop() { Send({Order::kWatch, 0}); }
void GroupWitness::EndWatch() { Send({Order::kEndWatch, 0}); }

void GroupWitness::Serve(int socket, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  ChangeMask(SIG_SETMASK, ~SignalSet{0});
  CloseAllBut(socket);
  static_cast<void>(!chdir("/"));
  ChangeName();
  const int signals = OpenSignalFd(~kFaultSet);
  bool watches = false;
  bool is_armed = false;
  while (true) {
    pollfd polls[2] = {{socket, POLLIN, 0}, {is_armed ? signals : -1, POLLIN, 0}};
    poll(polls, 2, watches ? kWatchMs : -1);
    if (watches && SleepsOverNews(parent)) {
      kill(parent, SIGCONT);
    }
    if ((polls[1].revents & POLLIN) != 0) {
      is_armed = false;
      Reply notice;
      notice.is_notice = true;
      if (send(socket, &notice, sizeof(notice), MSG_NOSIGNAL) < 0) _exit(0);
    }
    if (polls[0].revents == 0) continue;
    Request request{};
    if (recv(socket, &request, sizeof(request), 0) != sizeof(request)) _exit(0);
    Reply reply;
    switch (request.order) {
      case Order::kArm:
        is_armed = true;
        continue;
      case Order::kWatch:
        watches = true;
        continue;
      case Order::kEndWatch:
        watches = false;
        continue;
      case Order::kPending:
        break;
      case Order::kTake:
        reply.has_signal = TakeSignal(request.number, &reply.info);
        break;
    }
    reply.pending = PendingSignals();
    if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) < 0) _exit(0);
  }
}

}  // namespace memwhy::recorder
