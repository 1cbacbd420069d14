// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/disk_reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"

namespace memwhy::recorder {
namespace {

constexpr off_t kDiskReserveBytes = 256 * 1024;

}  // namespace

void DiskReserve::Make(const std::string& session) {
  path_ = JoinPath(session, "reserve");
  const auto fd = CreateExclusive(path_, O_WRONLY);
  if (!fd) {
    path_.clear();  // not ours
  } else if (posix_fallocate(fd->get(), 0, kDiskReserveBytes) != 0) {
    Release();
  }
}

void DiskReserve::Release() {
  if (path_.empty()) return;
  unlink(path_.c_str());
  path_.clear();
}

void DiskReserve::Settle(const std::string& session) {
  UniqueFd fd(open(session.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) syncfs(fd.get());
}

}  // namespace memwhy::recorder
