// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/meeting_place.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "recorder/dump/heap_dump.h"

namespace memwhy::recorder {
namespace {

constexpr int kMaxTries = 100;

// The process's /tmp. Links in its root are followed there and not to ours.
Result<UniqueFd> OpenTmpOf(pid_t pid) {
  const std::string root = fmt::format("/proc/{}/root", pid);
  const UniqueFd at(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return Error::FromErrno(errno, "cannot open " + root);
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd tmp(static_cast<int>(syscall(SYS_openat2, at.get(), "tmp", &how, sizeof(how))));
  if (!tmp)
    return Error::FromErrno(errno, "cannot open the /tmp of process " + std::to_string(pid));
  return tmp;
}

}  // namespace

std::optional<std::pair<uid_t, gid_t>> UserOf(const FileSystem& fs, pid_t pid) {
  const auto status = fs.ReadSmall(fmt::format("/proc/{}/status", pid));
  if (!status) return std::nullopt;
  std::optional<std::uint64_t> user;
  std::optional<std::uint64_t> group;
  for (const std::string_view line : SplitLines(*status)) {
    const auto fields = SplitFields(line);
    if (fields.size() < 5) continue;
    // Real, effective, saved, of file accesses.
    if (fields[0] == "Uid:") user = ParseUint(fields[4]);
    if (fields[0] == "Gid:") group = ParseUint(fields[4]);
  }
  if (!user || !group) return std::nullopt;
  return std::pair(static_cast<uid_t>(*user), static_cast<gid_t>(*group));
}

std::string UserText(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> room(16384);
  if (getpwuid_r(user, &entry, room.data(), room.size(), &found) != 0 || found == nullptr) {
    return std::to_string(user);
  }
  return fmt::format("{} ({})", found->pw_name, user);
}

Result<std::unique_ptr<MeetingPlace>> MeetingPlace::Open(const FileSystem& fs, pid_t pid,
                                                         const std::string& session) {
  std::unique_ptr<MeetingPlace> place(new MeetingPlace());
  const auto user = UserOf(fs, pid);
  if (!user || user->first == geteuid()) {
    place->ours_ = OurPath(fs, pid, session);
    place->theirs_ = session;
    return place;
  }
  if (geteuid() != 0) {
    return Error::Of("process {} runs as {}: only that user and root may dump it", pid,
                     UserText(user->first));
  }
  MEMWHY_TRY(place->parent_, OpenTmpOf(pid));
  for (int i = 0; place->made_.empty() && i < kMaxTries; ++i) {
    const std::string name = fmt::format("memwhy.{}.{}-{}", pid, getpid(), i);
    // Others may pass through it to what they are given, and list nothing.
    if (mkdirat(place->parent_.get(), name.c_str(), 0700) == 0) {
      place->made_ = name;
    } else if (errno != EEXIST) {
      return Error::FromErrno(errno, fmt::format("process {} runs as {}, and no folder could be "
                                                 "made in its /tmp to meet it",
                                                 pid, UserText(user->first)));
    }
  }
  place->folder_.Reset(openat(place->parent_.get(), place->made_.c_str(),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!place->folder_ || fstat(place->folder_.get(), &status) != 0 || status.st_uid != geteuid() ||
      fchmod(place->folder_.get(), 0711) != 0) {
    return Error::Of("the folder to meet process {} in was changed by another process", pid);
  }
  place->ours_ = fmt::format("/proc/self/fd/{}", place->folder_.get());
  place->theirs_ = "/tmp/" + place->made_;
  place->user_ = user->first;
  place->group_ = user->second;
  return place;
}

MeetingPlace::~MeetingPlace() {
  if (!made_.empty()) unlinkat(parent_.get(), made_.c_str(), AT_REMOVEDIR);
}

Result<void> MeetingPlace::HandOver(const std::string& name) const {
  if (!user_) return {};
  if (fchownat(folder_.get(), name.c_str(), *user_, group_, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error::FromErrno(errno, "cannot give a file to " + UserText(*user_));
  }
  return {};
}

}  // namespace memwhy::recorder
