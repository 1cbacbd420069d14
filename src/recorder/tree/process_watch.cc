// SPDX-License-Identifier: Apache-2.0
#include "recorder/tree/process_watch.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/strings.h"
#include "os/process.h"

namespace memwhy::recorder {
namespace {

// linux/pidfd.h of 6.15; older headers lack it.
struct PidfdInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
static_assert(sizeof(PidfdInfo) == 64);
constexpr unsigned long kPidfdGetInfo = _IOWR(0xFF, 11, PidfdInfo);
constexpr std::uint64_t kPidfdInfoExit = 1u << 3;

}  // namespace

ProcessWatch::ProcessWatch(pid_t pid, std::uint64_t start_ticks)
    : pid_(pid), start_ticks_(start_ticks), fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {
  const auto stat = os::ReadProcessStat(RealFileSystem(), pid);
  if (!stat || stat->start_ticks != start_ticks) fd_.Reset();
}

bool ProcessWatch::IsGone() const {
  if (fd_) {
    pollfd poll_fd{fd_.get(), POLLIN, 0};
    return poll(&poll_fd, 1, 0) > 0;
  }
  const auto stat = os::ReadProcessStat(RealFileSystem(), pid_);
  return !stat || stat->start_ticks != start_ticks_ || stat->state == 'Z';
}

std::optional<int> ProcessWatch::WaitStatus() const {
  if (fd_) {
    PidfdInfo info{};
    info.mask = kPidfdInfoExit;
    if (ioctl(fd_.get(), kPidfdGetInfo, &info) == 0 && (info.mask & kPidfdInfoExit) != 0) {
      return info.exit_code;
    }
  }
  const auto stat = RealFileSystem().ReadSmall(fmt::format("/proc/{}/stat", pid_));
  if (!stat) return std::nullopt;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = SplitFields(Trim(std::string_view(*stat).substr(name_end + 1)));
  constexpr std::size_t kState = 0;
  constexpr std::size_t kStart = 22 - 3;
  constexpr std::size_t kExitCode = 52 - 3;
  if (fields.size() <= kExitCode || fields[kState] != "Z" ||
      ParseUint(fields[kStart]) != start_ticks_) {
    return std::nullopt;
  }
  const auto code = ParseUint(fields[kExitCode]);
  return code ? std::optional<int>(static_cast<int>(*code)) : std::nullopt;
}

}  // namespace memwhy::recorder
