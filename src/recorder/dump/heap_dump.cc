// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/heap_dump.h"

#include <fmt/core.h>
#include <unistd.h>

#include <memory>

#include "base/strings.h"
#include "os/process.h"
#include "os/smaps.h"
#include "recorder/dump/heap_dump_run.h"
#include "recorder/dump/meeting_place.h"
#include "session/ring_place.h"
#include "wire/ring.h"

namespace memwhy::recorder {

std::string OurPath(const FileSystem& fs, pid_t pid, const std::string& path) {
  const std::string through = fmt::format("/proc/{}/root{}", pid, path);
  return fs.Exists(through) ? through : path;
}

Result<std::string> FindRingOf(const FileSystem& fs, pid_t pid) {
  const auto maps = os::ReadMaps(fs, pid);
  if (!maps) {
    if (!fs.Exists(fmt::format("/proc/{}", pid))) {
      return Error::Of("there is no process {}", pid);
    }
    const auto user = UserOf(fs, pid);
    if (user && geteuid() != 0 && user->first != geteuid()) {
      return Error::Of("process {} runs as {}: only that user and root may look into it", pid,
                       UserText(user->first));
    }
    return maps.error().With(
        "process {} cannot be looked into ({})", pid,
        geteuid() == 0 ? "this root has no right to: CAP_SYS_PTRACE" : "it does not let its user");
  }
  for (const os::Vma& vma : *maps) {
    if (vma.is_shared() && wire::IsRingName(Basename(vma.name))) return vma.name;
  }
  if (const auto stat = os::ReadProcessStat(fs, pid); stat && stat->state == 'Z') {
    return Error::Of("process {} has ended (its parent has not waited for it yet)", pid);
  }
  return Error::Of(
      "process {} does not have memwhy's agent; start it under memwhy run (attaching to a running "
      "process is not built yet)",
      pid);
}

Result<std::string> FindUsableRing(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(std::string ring_path, FindRingOf(fs, pid));
  if (ring_path.ends_with(" (deleted)")) {
    return Error::Of("the session of process {} was deleted; its agent cannot be asked any more",
                     pid);
  }
  return ring_path;
}

Result<std::string> FindSessionOf(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string ring, FindRingOf(fs, pid));
  const std::string folder = OurPath(fs, pid, ring.substr(0, ring.rfind('/')));
  const std::string session = session::SessionOfRings(folder);
  return session.empty() ? folder : OurPath(fs, pid, session);
}

Result<HeapDumpOutcome> TakeHeapDump(const FileSystem& fs, const HeapDumpOptions& options,
                                     const OnPrediction& on_prediction) {
  MEMWHY_TRY(const std::unique_ptr<HeapDumpRun> run,
             HeapDumpRun::Start(fs, options, on_prediction));
  return run->RunToEnd();
}

}  // namespace memwhy::recorder
