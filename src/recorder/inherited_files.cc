// SPDX-License-Identifier: Apache-2.0
#include "recorder/inherited_files.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {

void ReserveStandardFiles() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest number that is free is this one.
    if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return;
  }
}

void LetGoOfInheritedFiles(bool keeps_stdout) {
  if (const UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC)); nothing) {
    dup3(nothing.get(), STDIN_FILENO, O_CLOEXEC);
    if (!keeps_stdout) dup3(nothing.get(), STDOUT_FILENO, O_CLOEXEC);
  }
  const auto names = RealFileSystem().ListDir("/proc/self/fd");
  if (!names) return;
  for (const std::string& name : *names) {
    const auto number = ParseUint(name);
    if (!number || *number <= STDERR_FILENO) continue;
    const int fd = static_cast<int>(*number);
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) close(fd);
  }
}

}  // namespace memwhy::recorder
