// SPDX-License-Identifier: Apache-2.0
#include "session/ring_place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/file_system.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "os/process.h"
#include "session/format.h"
#include "session/ring_copy.h"
#include "session/ring_snapshot.h"
#include "wire/ring.h"

namespace memwhy::session {
namespace {

constexpr std::size_t kMaxLine = 4096;

// A small file of `owner`, never through a link.
std::optional<std::string> ReadLines(int folder, const char* name, uid_t owner) {
  const UniqueFd fd(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != owner) {
    return std::nullopt;
  }
  std::string text(kMaxLine + 64, '\0');
  const ssize_t count = read(fd.get(), text.data(), text.size());
  if (count <= 0 || static_cast<std::size_t>(count) == text.size()) return std::nullopt;
  text.resize(static_cast<std::size_t>(count));
  return text;
}

// The folder, if nobody but its owner can have put anything there.
UniqueFd OpenKept(const std::string& folder, struct stat* status) {
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd || fstat(fd.get(), status) != 0) return {};
  if ((status->st_mode & 022) != 0) {
    errno = EACCES;
    return {};
  }
  return fd;
}

std::string IdentityOf(const struct stat& session) {
  return fmt::format("{} {}", session.st_dev, session.st_ino);
}

// "DEVICE INODE" and the path.
std::vector<std::string> OfSession(int folder, uid_t owner) {
  const auto text = ReadLines(folder, kOfSession, owner);
  if (!text) return {};
  std::vector<std::string> lines;
  for (const std::string_view line : SplitLines(*text)) lines.emplace_back(line);
  return lines.size() == 2 && StartsWith(lines[1], "/") ? lines : std::vector<std::string>();
}

// Requests that were not taken leave pipes and lists; an agent that was killed a ring without name.
bool IsLeftover(std::string_view name) {
  return StartsWith(name, "dump.") ||
         (StartsWith(name, wire::kRingPrefix) && EndsWith(name, ".tmp"));
}

bool IsAlive(const RingInfo& info) {
  const auto stat = os::ReadProcessStat(RealFileSystem(), static_cast<pid_t>(info.pid));
  return stat && stat->start_ticks == info.start_ticks && stat->state != 'Z';
}

}  // namespace

RingPlace FindRingPlace(const std::string& session) {
  RingPlace place;
  const UniqueFd directory(open(session.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat owner{};
  if (!directory || fstat(directory.get(), &owner) != 0) return place;
  struct stat status{};
  if (fstatat(directory.get(), kRingsIn, &status, AT_SYMLINK_NOFOLLOW) != 0) return place;
  const auto text = ReadLines(directory.get(), kRingsIn, owner.st_uid);
  const auto lines = text ? SplitLines(*text) : std::vector<std::string_view>();
  if (lines.size() != 1 || !StartsWith(lines[0], "/")) {
    place.trouble = fmt::format("{} does not name a folder", JoinPath(session, kRingsIn));
    return place;
  }
  const std::string folder(lines[0]);
  const UniqueFd fd = OpenKept(folder, &status);
  if (!fd) {
    const Error why = Error::FromErrno(errno, "cannot open " + folder);
    // Its recorder may have come to an end meanwhile: then nothing leads there any more.
    const bool is_named = fstatat(directory.get(), kRingsIn, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_named) place.trouble = why.message();
  } else if (status.st_uid != owner.st_uid) {
    place.trouble = fmt::format("{} belongs to another user than the session", folder);
  } else {
    place.folder = folder;
    const auto named = OfSession(fd.get(), status.st_uid);
    place.is_ours = !named.empty() && named[0] == IdentityOf(owner);
  }
  return place;
}

Result<void> WriteRingPlace(const std::string& session, const std::string& folder) {
  struct stat status{};
  if (stat(session.c_str(), &status) != 0) {
    return Error::FromErrno(errno, "cannot look at " + session);
  }
  MEMWHY_TRY_VOID(WriteExclusive(JoinPath(folder, kOfSession),
                                 fmt::format("{}\n{}\n", IdentityOf(status), session)));
  auto written = WriteExclusive(JoinPath(session, kRingsIn), folder + "\n");
  if (!written) unlink(JoinPath(folder, kOfSession).c_str());
  return written;
}

bool RemoveRingPlace(const std::string& session, const std::string& folder) {
  struct stat status{};
  const UniqueFd fd = OpenKept(folder, &status);
  if (!fd) return false;
  const auto names = RealFileSystem().ListDir(folder);
  if (!names) return false;
  for (const std::string& name : *names) {
    if (name != kOfSession && !IsLeftover(name)) return false;
  }
  // First what leads there: a session never names a folder that is half gone.
  unlink(JoinPath(session, kRingsIn).c_str());
  for (const std::string& name : *names) unlinkat(fd.get(), name.c_str(), 0);
  return rmdir(folder.c_str()) == 0;
}

std::string SessionOfRings(const std::string& folder) {
  struct stat status{};
  const UniqueFd fd = OpenKept(folder, &status);
  if (!fd) return "";
  const auto lines = OfSession(fd.get(), status.st_uid);
  return lines.empty() ? "" : lines[1];
}

std::vector<std::string> FindAllRings(const std::string& session) {
  std::vector<std::string> rings = FindRings(session);
  const RingPlace place = FindRingPlace(session);
  if (place.folder.empty()) return rings;
  for (std::string& ring : FindRings(place.folder)) rings.push_back(std::move(ring));
  return rings;
}

Result<void> BringRingsHome(const std::string& session) {
  const RingPlace place = FindRingPlace(session);
  if (place.folder.empty() || !place.is_ours) return {};
  const UniqueFd directory(open(session.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status{};
  if (!directory || fstat(directory.get(), &status) != 0 || status.st_uid != geteuid()) return {};
  // A recorder holds this lock, and so does another one who brings them home.
  const UniqueFd blocks(
      openat(directory.get(), kBlocksFile, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!blocks || flock(blocks.get(), LOCK_EX | LOCK_NB) != 0) return {};
  const std::vector<std::string> rings = FindRings(place.folder);
  for (const std::string& ring : rings) {
    const auto info = ReadRingInfo(ring);
    if (!info) return info.error();
    if (IsAlive(*info)) return {};
  }
  for (const std::string& ring : rings) {
    const std::string home = JoinPath(session, Basename(ring));
    MEMWHY_TRY_VOID(CopyRing(ring, home));
    fsync(directory.get());  // its name is there before the other goes
    unlink(ring.c_str());
  }
  RemoveRingPlace(session, place.folder);
  return {};
}

}  // namespace memwhy::session
