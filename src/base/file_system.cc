// SPDX-License-Identifier: Apache-2.0
#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

namespace memwhy {
namespace {

constexpr std::size_t kMaxSmallFile = std::size_t{256} << 20;
constexpr std::size_t kFirstChunk = 16 << 10;
constexpr std::size_t kLargestChunk = 4 << 20;

}  // namespace

Result<std::string> RealFileSystem::ReadSmall(const std::string& path) const {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error::FromErrno(errno, "read " + path);
  std::string text;
  std::size_t used = 0;
  std::size_t chunk = kFirstChunk;
  while (true) {
    if (text.size() - used < chunk) text.resize(used + chunk);
    const ssize_t got = read(fd.get(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::FromErrno(errno, "read " + path);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
    if (used > kMaxSmallFile) return Error::Of("read {}: larger than 256 MiB", path);
    if (used >= 2 * chunk) chunk = std::min(2 * chunk, kLargestChunk);
  }
  text.resize(used);
  return text;
}

Result<std::vector<std::string>> RealFileSystem::ListDir(const std::string& path) const {
  DIR* folder = opendir(path.c_str());
  if (folder == nullptr) return Error::FromErrno(errno, "list " + path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error_number = errno;
  closedir(folder);
  if (error_number != 0) return Error::FromErrno(error_number, "list " + path);
  std::sort(names.begin(), names.end());
  return names;
}

bool RealFileSystem::Exists(const std::string& path) const {
  return access(path.c_str(), F_OK) == 0;
}

Result<std::string> RealFileSystem::ReadLink(const std::string& path) const {
  std::string target(4096, '\0');
  const ssize_t size = readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return Error::FromErrno(errno, "read link " + path);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

bool IsDirectory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace memwhy
