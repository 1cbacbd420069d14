// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/ring_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/file_system.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "session/format.h"
#include "session/ring_place.h"
#include "wire/ring.h"

namespace memwhy::recorder {
namespace {

// Memory is taken at once, and others need it more than events that may wait a little.
constexpr std::uint64_t kMaxMemoryPoolBytes = 8u << 20;
// A ring takes one part in so many of what is free. There will be rings of children, too.
constexpr std::uint64_t kDiskShare = 4;
constexpr std::uint64_t kMemoryShare = 8;

Bytes FreeIn(const std::string& folder) {
  struct statvfs disk{};
  if (statvfs(folder.c_str(), &disk) != 0) return 0;
  return Bytes{disk.f_bavail} * disk.f_frsize;
}

// "" or why nothing of ours should lie there: others could take it away.
std::string ObstacleIn(const std::string& folder) {
  struct stat status{};
  if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return "is not there";
  if (access(folder.c_str(), W_OK | X_OK) != 0) return "may not be written to";
  const bool is_shared = (status.st_mode & 022) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (is_shared) return "lets others remove what is not theirs";
  return "";
}

struct Candidate {
  std::string place;
  PagePromise promise;
  Bytes free = 0;
  std::string why;  // "" or why it is none, a clause
};

Candidate LookAt(const std::string& place) {
  Candidate candidate{place, {}, 0, ObstacleIn(place)};
  if (!candidate.why.empty()) return candidate;
  candidate.promise = PromiseOf(place);
  candidate.free = FreeIn(place);
  if (!candidate.promise.is_kept) {
    candidate.why = fmt::format("is {}, which {}", candidate.promise.disk, candidate.promise.why);
  }
  return candidate;
}

// What a ring may take there; 0: too little.
std::uint64_t PoolIn(const Candidate& candidate, std::uint64_t wanted) {
  if (!candidate.promise.is_memory) return candidate.free / kDiskShare >= wanted ? wanted : 0;
  const std::uint64_t pool =
      std::min<std::uint64_t>({wanted, kMaxMemoryPoolBytes, candidate.free / kMemoryShare});
  return pool >= wire::kMinPoolBytes ? pool / wire::kChunkBytes * wire::kChunkBytes : 0;
}

std::optional<std::string> RandomName() {
  std::uint64_t words[2];
  if (getrandom(words, sizeof(words), 0) != sizeof(words)) return std::nullopt;
  return fmt::format("{}{:016x}{:016x}", session::kRingFolderPrefix, words[0], words[1]);
}

// A recorder holds a lock on the session's blocks.
bool IsWatched(const std::string& session) {
  const UniqueFd blocks(open(JoinPath(session, session::kBlocksFile).c_str(),
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return blocks && flock(blocks.get(), LOCK_SH | LOCK_NB) != 0;
}

}  // namespace

std::vector<std::string> RingPlaces() {
  std::vector<std::string> places;
  if (const char* given = std::getenv("MEMWHY_RING_PLACES"); given != nullptr) {
    for (const std::string_view place : Split(given, ':')) {
      if (StartsWith(place, "/")) places.emplace_back(place);
    }
    return places;
  }
  places = {"/var/tmp", "/tmp", "/dev/shm"};
  for (const char* variable : {"TMPDIR", "XDG_RUNTIME_DIR"}) {
    const char* folder = std::getenv(variable);
    if (folder == nullptr || folder[0] != '/') continue;
    if (std::find(places.begin(), places.end(), folder) == places.end())
      places.emplace_back(folder);
  }
  return places;
}

Result<RingPlan> PlanRings(const std::string& session, std::uint64_t pool_bytes,
                           const std::vector<std::string>& places) {
  RingPlan plan;
  plan.session = PromiseOf(session);
  if (plan.session.is_kept) {
    plan.promise = plan.session;
    plan.free = FreeIn(session);
    plan.pool_bytes = pool_bytes;
    return plan;
  }
  std::vector<Candidate> candidates;
  for (const std::string& place : places) candidates.push_back(LookAt(place));
  std::string reasons;
  for (const bool is_memory : {false, true}) {
    for (const Candidate& candidate : candidates) {
      if (!candidate.why.empty() || candidate.promise.is_memory != is_memory) continue;
      plan.pool_bytes = PoolIn(candidate, pool_bytes);
      if (plan.pool_bytes != 0) {
        plan.parent = candidate.place;
        plan.promise = candidate.promise;
        plan.free = candidate.free;
        return plan;
      }
      reasons += fmt::format("; {} has {} free", candidate.place, FormatBytes(candidate.free));
    }
  }
  for (const Candidate& candidate : candidates) {
    if (!candidate.why.empty()) reasons += fmt::format("; {} {}", candidate.place, candidate.why);
  }
  return Error::Of(
      "no place keeps the pages that events need: {} is on {}, which {}{}; choose a place on ext4, "
      "xfs or tmpfs with -o",
      session, plan.session.disk, plan.session.why, reasons);
}

RingFolder::RingFolder(std::string session, std::string path, RingPlan plan)
    : session_(std::move(session)), path_(std::move(path)), plan_(std::move(plan)) {}

Result<std::unique_ptr<RingFolder>> RingFolder::Make(const std::string& session,
                                                     std::uint64_t pool_bytes) {
  MEMWHY_TRY(RingPlan plan, PlanRings(session, pool_bytes));
  std::string path = session;
  if (!plan.parent.empty()) {
    const auto name = RandomName();
    if (!name) return Error::FromErrno(errno, "cannot name a folder for rings");
    path = JoinPath(plan.parent, *name);
    if (auto made = CreateDirectory(path); !made) return made.error();
    if (auto written = session::WriteRingPlace(session, path); !written) {
      rmdir(path.c_str());
      return written.error();
    }
  }
  return std::unique_ptr<RingFolder>(new RingFolder(session, std::move(path), std::move(plan)));
}

std::string RingFolder::Note() const {
  if (!is_elsewhere()) return "";
  std::string note = fmt::format("its rings were kept in {} ({}), not in the session: {} {}", path_,
                                 plan_.promise.disk, plan_.session.disk, plan_.session.why);
  if (plan_.promise.is_memory) note += "; in memory they do not outlive a restart of the machine";
  return note;
}

bool RingFolder::Remove() {
  if (!is_elsewhere() || is_removed_) return true;
  is_removed_ = session::RemoveRingPlace(session_, path_);
  return is_removed_;
}

std::vector<LeftRings> FindLeftRings(const std::vector<std::string>& places) {
  std::vector<LeftRings> left;
  for (const std::string& place : places) {
    const auto names = RealFileSystem().ListDir(place);
    if (!names) continue;
    for (const std::string& name : *names) {
      if (!StartsWith(name, session::kRingFolderPrefix)) continue;
      const std::string folder = JoinPath(place, name);
      struct stat status{};
      if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
          status.st_uid != geteuid()) {
        continue;
      }
      const std::string session = session::SessionOfRings(folder);
      if (!session.empty() && IsWatched(session)) continue;
      left.push_back({folder, session});
    }
  }
  return left;
}

}  // namespace memwhy::recorder
