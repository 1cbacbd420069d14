// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_owner.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "os/process.h"
#include "os/process_status.h"
#include "os/smaps.h"

namespace memwhy::recorder {
namespace {

// The pid of the process behind `fd`, in the numbers of our /proc; 0: the kernel does not tell.
pid_t PidInProcfs(const FileSystem& fs, int fd) {
  const auto text = fs.ReadSmall(fmt::format("/proc/self/fdinfo/{}", fd));
  if (!text) return 0;
  for (std::string_view line : Split(*text, '\n')) {
    if (!ConsumePrefix(line, "Pid:")) continue;
    return static_cast<pid_t>(ParseUint(Trim(line)).value_or(0));
  }
  return 0;
}

bool MapsIt(const FileSystem& fs, pid_t pid, const RingMap& ring) {
  const auto maps = os::ReadMaps(fs, pid);
  if (!maps) return false;
  for (const os::Vma& vma : *maps) {
    if (!vma.is_shared() || !wire::IsRingName(Basename(vma.name))) continue;
    struct stat status{};
    const std::string file = fmt::format("/proc/{}/map_files/{:x}-{:x}", pid, vma.start, vma.end);
    // Only root may look behind it. The device of a line of maps is not always that of stat.
    if (stat(file.c_str(), &status) == 0) {
      if (status.st_ino == ring.inode() && status.st_dev == ring.device()) return true;
    } else if (vma.inode == ring.inode()) {
      return true;
    }
  }
  return false;
}

// Start times are told in the reader's own time namespace.
bool CanCompareStarts(const FileSystem& fs, pid_t pid) {
  const auto ours = fs.ReadLink("/proc/self/ns/time");
  const auto theirs = fs.ReadLink(fmt::format("/proc/{}/ns/time", pid));
  return !ours || (theirs && *ours == *theirs);
}

}  // namespace

Result<RingOwner> RingOwner::Prove(const FileSystem& fs, pid_t pid, const RingMap& ring) {
  // The pidfd comes first: what /proc says is of the same process as long as that has not ended.
  RingOwner owner(pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  if (!owner.fd_) {
    if (errno == ESRCH) return Error::Of("there is no process {}", pid);
    return Error::FromErrno(errno, fmt::format("cannot hold on to process {}", pid));
  }
  if (const pid_t seen = PidInProcfs(fs, owner.fd_.get()); seen != 0 && seen != pid) {
    return Error("/proc shows another PID namespace than the one that this command runs in");
  }
  const auto status = os::ReadProcessStatus(fs, pid);
  if (!status) return status.error().With("process {}", pid);
  const auto ring_pid = static_cast<pid_t>(ring.info().pid);
  const pid_t inner = status->namespace_pids.empty() ? pid : status->namespace_pids.back();
  if (inner != ring_pid) {
    return Error::Of(
        "process {} shares the memory of another one (a child that has not executed its program "
        "yet?): its ring is of process {}",
        pid, ring_pid);
  }
  const auto stat = os::ReadProcessStat(fs, pid);
  if (!stat) return stat.error();
  if (CanCompareStarts(fs, pid) && stat->start_ticks != ring.info().start_ticks) {
    return Error::Of("process {} is another one than the ring was written by", pid);
  }
  if (!MapsIt(fs, pid, ring)) {
    return Error::Of("process {} does not map the ring file {}", pid, ring.path());
  }
  if (owner.IsGone()) return Error::Of("process {} has ended", pid);
  return owner;
}

Result<RingOwner> RingOwner::Find(const FileSystem& fs, const RingMap& ring) {
  const auto own_pid = static_cast<pid_t>(ring.info().pid);
  if (own_pid > 0) {
    if (auto owner = Prove(fs, own_pid, ring)) return owner;
  }
  MEMWHY_TRY(const std::vector<std::string> names, fs.ListDir("/proc"));
  for (const std::string& name : names) {
    const auto pid = ParseUint(name);
    if (!pid) continue;
    const auto status = os::ReadProcessStatus(fs, static_cast<pid_t>(*pid));
    if (!status || status->namespace_pids.empty() || status->namespace_pids.back() != own_pid) {
      continue;
    }
    if (auto owner = Prove(fs, static_cast<pid_t>(*pid), ring)) return owner;
  }
  return Error::Of("the process of ring {} is not to be seen from here", ring.path());
}

bool RingOwner::IsGone() const {
  pollfd end{fd_.get(), POLLIN, 0};
  return poll(&end, 1, 0) > 0;
}

}  // namespace memwhy::recorder
