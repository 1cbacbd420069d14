// SPDX-License-Identifier: Apache-2.0
#include "base/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace memwhy {
namespace {

constexpr int kRead = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

Result<struct stat> LookAt(int fd, const std::string& path) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return Error::FromErrno(errno, "cannot look at " + path);
  return status;
}

Error NotRegular(const std::string& path, std::string_view what, std::uint32_t mode) {
  const bool has_content = S_ISFIFO(mode) || S_ISCHR(mode) || S_ISBLK(mode);
  return Error::Of("cannot read {}: it is {}, and {} is a regular file{}", path, KindOfFile(mode),
                   what, has_content ? "; copy what comes out of it to a file, and give that" : "");
}

}  // namespace

const char* KindOfFile(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a named pipe";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    case S_IFLNK:
      return "a link";
    default:
      return "of an unknown kind";
  }
}

Result<RegularFile> OpenRegular(const std::string& path, std::string_view what, Links links) {
  // O_PATH opens the name alone, so that nothing happens to a pipe or a device.
  const int no_link = links == Links::kRefuse ? O_NOFOLLOW : 0;
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC | no_link));
  if (!place) return Error::FromErrno(errno, "cannot open " + path);
  MEMWHY_TRY(const struct stat seen, LookAt(place.get(), path));
  if (!S_ISREG(seen.st_mode)) return NotRegular(path, what, seen.st_mode);
  RegularFile file;
  file.fd.Reset(open(("/proc/self/fd/" + std::to_string(place.get())).c_str(), kRead));
  if (!file.fd && errno == ENOENT) file.fd.Reset(open(path.c_str(), kRead | no_link));  // no /proc
  if (!file.fd) return Error::FromErrno(errno, "cannot open " + path);
  MEMWHY_TRY(const struct stat opened, LookAt(file.fd.get(), path));
  if (!S_ISREG(opened.st_mode)) return NotRegular(path, what, opened.st_mode);
  file.bytes = static_cast<std::uint64_t>(opened.st_size);
  return file;
}

}  // namespace memwhy
