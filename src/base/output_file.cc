// SPDX-License-Identifier: Apache-2.0
#include "base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/strings.h"

namespace memwhy {
namespace {

constexpr int kMaxTries = 100;
constexpr std::size_t kMaxNameBytes = 200;  // of 255, so that a suffix fits

struct Place {
  UniqueFd folder;
  std::string name;
};

Result<Place> OpenPlace(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  Place place;
  place.name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (place.name.empty() || place.name == "." || place.name == "..") {
    return Error::Of("{} names no file", path.empty() ? "\"\"" : path);
  }
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  place.folder.Reset(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.folder) return Error::FromErrno(errno, "cannot make " + path);
  return place;
}

Result<void> WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error::FromErrno(n < 0 ? errno : ENOSPC, "cannot write " + path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Kernel's own folders, where a name stands for something that is open or for a device.
bool IsKernelName(const std::string& path) {
  if (StartsWith(path, "/proc/")) return true;
  return StartsWith(path, "/dev/") && !StartsWith(path, "/dev/shm/") &&
         !StartsWith(path, "/dev/mqueue/") && !Contains(path, "/../");
}

// Looks at the opened file again: what stood at the name may have been changed meanwhile.
Result<UniqueFd> OpenOwnPipe(const Place& place, const std::string& path) {
  UniqueFd fd(openat(place.folder.get(), place.name.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return Error::FromErrno(errno, "cannot write " + path);
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return Error::FromErrno(errno, "cannot look at " + path);
  if (!S_ISFIFO(status.st_mode) || status.st_uid != geteuid()) {
    return Error::Of("{} was changed by another process", path);
  }
  return fd;
}

}  // namespace

Result<UniqueFd> CreateExclusive(const std::string& path, int flags) {
  // With O_EXCL a link at the name is an error, also one that leads nowhere.
  UniqueFd fd(open(path.c_str(), flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return Error::FromErrno(errno, "cannot make " + path);
  fchmod(fd.get(), 0600);  // whatever the umask takes away
  return fd;
}

Result<void> WriteExclusive(const std::string& path, std::string_view bytes) {
  MEMWHY_TRY(const UniqueFd fd, CreateExclusive(path, O_WRONLY));
  return WriteAll(fd.get(), path, bytes);
}

Result<UniqueFd> CreateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return Error::FromErrno(errno, "cannot make " + path);
  // A umask may leave no right to open it.
  const UniqueFd place(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!place || fstat(place.get(), &status) != 0) {
    return Error::FromErrno(errno, "cannot open " + path);
  }
  if (status.st_uid == geteuid() && (status.st_mode & 0777) != 0700) {
    chmod(fmt::format("/proc/self/fd/{}", place.get()).c_str(), 0700);
  }
  UniqueFd fd(openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fstat(fd.get(), &status) != 0) {
    return Error::FromErrno(errno, "cannot open " + path);
  }
  if (status.st_uid != geteuid() || (status.st_mode & 0077) != 0) {
    return Error::Of("{} was changed by another user while it was made", path);
  }
  return fd;
}

OutputFile::OutputFile(std::string path, std::string temporary, UniqueFd folder, UniqueFd fd)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      folder_(std::move(folder)),
      fd_(std::move(fd)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, std::string())),
      folder_(std::move(other.folder_)),
      fd_(std::move(other.fd_)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty() && folder_) unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Result<OutputFile> OutputFile::Open(const std::string& path) {
  if (IsKernelName(path)) {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
    if (!fd) return Error::FromErrno(errno, "cannot write " + path);
    return OutputFile(path, "", UniqueFd(), std::move(fd));
  }
  MEMWHY_TRY(Place place, OpenPlace(path));
  struct stat status{};
  const bool exists =
      fstatat(place.folder.get(), place.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && S_ISDIR(status.st_mode)) return Error::Of("cannot make {}: it is a folder", path);
  if (exists && S_ISFIFO(status.st_mode) && status.st_uid == geteuid()) {
    MEMWHY_TRY(UniqueFd fd, OpenOwnPipe(place, path));
    return OutputFile(path, "", UniqueFd(), std::move(fd));
  }
  if (exists && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode)) {
    return Error::Of("cannot make {}: something that is no file stands there", path);
  }
  for (int i = 0; i < kMaxTries; ++i) {
    std::string name =
        fmt::format(".{}.{}-{}.part", place.name.substr(0, kMaxNameBytes), getpid(), i);
    UniqueFd fd(openat(place.folder.get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd) fchmod(fd.get(), 0600);
    if (fd) return OutputFile(path, std::move(name), std::move(place.folder), std::move(fd));
    if (errno != EEXIST) return Error::FromErrno(errno, "cannot make " + path);
  }
  return Error::FromErrno(EEXIST, "cannot make a file beside " + path);
}

Result<void> OutputFile::Write(std::string_view bytes) { return WriteAll(fd_.get(), path_, bytes); }

Result<void> OutputFile::Finish() {
  // Some file systems say only now that there was no room.
  if (close(fd_.Release()) != 0) return Error::FromErrno(errno, "cannot write " + path_);
  if (temporary_.empty()) return {};
  const std::string_view name = Basename(path_);
  if (renameat(folder_.get(), temporary_.c_str(), folder_.get(), std::string(name).c_str()) != 0) {
    return Error::FromErrno(errno, "cannot replace " + path_);
  }
  temporary_.clear();
  return {};
}

Result<void> WriteOutputFile(const std::string& path, std::string_view text) {
  MEMWHY_TRY(OutputFile file, OutputFile::Open(path));
  MEMWHY_TRY_VOID(file.Write(text));
  return file.Finish();
}

}  // namespace memwhy
