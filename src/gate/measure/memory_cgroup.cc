// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/memory_cgroup.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"

namespace memwhy::gate {
namespace {

Result<void> WriteFile(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error(fmt::format("{}: {}", path, strerror(errno)));
  }
  return {};
}

}  // namespace

Result<MemoryCgroup> MemoryCgroup::Make(Bytes limit) {
  const RealFileSystem fs;
  MEMWHY_TRY(const os::CgroupLocation ours, os::FindMemoryCgroup(fs, getpid()));
  static int count = 0;
  const std::string name = fmt::format("memwhy-gate-{}-{}", getpid(), ++count);
  // Below ours; in version 2 a cgroup with processes has no children with limits, so the cgroups
  // above ours are tried as well.
  std::string last = "no memory cgroup is mounted";
  std::vector<std::string> parents;
  os::EachUpwards(ours, [&](const std::string& directory) { parents.push_back(directory); });
  for (const std::string& parent : parents) {
    const std::string directory = JoinPath(parent, name);
    if (mkdir(directory.c_str(), 0755) != 0) {
      last = fmt::format("{}: {}", directory, strerror(errno));
      continue;
    }
    MemoryCgroup made(directory, ours.version);
    const auto limited =
        WriteFile(directory + (ours.version == 1 ? "/memory.limit_in_bytes" : "/memory.max"),
                  fmt::format("{}", limit));
    if (!limited) {
      last = limited.error().message();
      continue;
    }
    // Without swap the limit is one; where there is no such file there is no swap to account.
    static_cast<void>(WriteFile(directory + (ours.version == 1 ? "/memory.memsw.limit_in_bytes"
                                                               : "/memory.swap.max"),
                                ours.version == 1 ? fmt::format("{}", limit) : "0")
                          .has_value());
    return made;
  }
  return Error(last);
}

MemoryCgroup::~MemoryCgroup() {
  if (directory_.empty()) return;
  RealClock clock;
  constexpr int kRounds = 200;  // a process that was killed leaves after a moment
  for (int round = 0; round < kRounds && rmdir(directory_.c_str()) != 0 && errno == EBUSY;
       ++round) {
    clock.SleepNs(5 * kMillisecond);
  }
}

std::optional<Bytes> MemoryCgroup::Peak() const {
  const auto text = RealFileSystem().ReadSmall(
      directory_ + (version_ == 1 ? "/memory.max_usage_in_bytes" : "/memory.peak"));
  if (!text) return std::nullopt;
  const auto bytes = ParseUint(Trim(*text));
  if (!bytes) return std::nullopt;
  return *bytes;
}

std::uint64_t MemoryCgroup::OomKills() const {
  const auto counters = os::ReadOomCounters(RealFileSystem(), directory_);
  return counters ? counters->oom_kills.value_or(0) : 0;
}

}  // namespace memwhy::gate
