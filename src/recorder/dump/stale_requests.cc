// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/stale_requests.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>

#include "base/unique_fd.h"
#include "wire/ring.h"

namespace memwhy::recorder {
namespace {

constexpr std::time_t kYoung_s = 60;

bool IsStale(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISFIFO(status.st_mode)) return false;
  if (std::time(nullptr) - status.st_mtime < kYoung_s) return false;
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  return !fd && errno == ENXIO;
}

}  // namespace

void RemoveStaleRequests(const std::string& folder, pid_t pid) {
  const std::string begin = fmt::format("dump.{}.", pid);
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  for (; !error && at != std::filesystem::directory_iterator(); at.increment(error)) {
    const std::string path = at->path();
    if (!at->path().filename().string().starts_with(begin) || !IsStale(path)) continue;
    for (const char* suffix : {"", kQuestionsSuffix, wire::kBlocksSuffix}) {
      unlink((path + suffix).c_str());
    }
  }
}

}  // namespace memwhy::recorder
