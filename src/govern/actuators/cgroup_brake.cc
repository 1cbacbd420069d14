// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/cgroup_brake.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"

namespace memwhy::govern {

CgroupBrake::CgroupBrake(std::string directory, Bytes bytes)
    : directory_(std::move(directory)), bytes_(bytes) {}

Result<void> CgroupBrake::Do() {
  const RealFileSystem fs;
  MEMWHY_TRY(const os::CgroupLocation location, os::LocateCgroup(fs, directory_));
  const std::string path =
      JoinPath(directory_, location.version == 2 ? "memory.high" : "memory.soft_limit_in_bytes");
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  const std::string text = std::to_string(bytes_);
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error::FromErrno(errno, path);
  }
  MEMWHY_TRY(const std::string read, fs.ReadSmall(path));
  const auto value = ParseUint(Trim(read));
  // The kernel rounds down to whole pages.
  if (!value || *value > bytes_ || *value + 65536 <= bytes_) {
    return Error::Of("{} reads {} after {} was written", path, std::string(Trim(read)), bytes_);
  }
  return {};
}

}  // namespace memwhy::govern
