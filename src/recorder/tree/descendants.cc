// SPDX-License-Identifier: Apache-2.0
#include "recorder/tree/descendants.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "os/process.h"
#include "os/process_status.h"
#include "program/program_file.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kSpaceNs = 100'000'000;
constexpr std::uint64_t kMaxSpaceNs = 5'000'000'000;
// When a program has loaded the libraries that it loads by itself, most of the time.
constexpr std::uint64_t kSettledNs = 2'000'000'000;

std::string Of(pid_t pid, const char* file) { return fmt::format("/proc/{}/{}", pid, file); }

// Whether an entry of an environment, "NAME=" or "NAME=VALUE", is in it.
bool HasEntry(std::string_view environment, std::string_view entry) {
  for (const std::string_view line : Split(environment, '\0')) {
    if (entry.back() == '=' ? StartsWith(line, entry) : line == entry) return true;
  }
  return false;
}

// Sorted.
std::vector<pid_t> ListProcesses(const FileSystem& fs) {
  std::vector<pid_t> listed;
  if (const auto names = fs.ListDir("/proc")) {
    for (const std::string& name : *names) {
      if (const auto pid = ParseUint(name)) listed.push_back(static_cast<pid_t>(*pid));
    }
  }
  std::sort(listed.begin(), listed.end());
  return listed;
}

// Of this thread: a busy machine makes a look no dearer.
std::uint64_t CpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Whether what is preloaded would be there by now. The loader maps it before a program's own
// libraries; in the middle of an exec there is neither.
bool IsLoaded(std::string_view maps, std::uint64_t age_ns) {
  if (Contains(maps, "/ld-linux")) {
    return Contains(maps, "/libc.so.6") || Contains(maps, "/libc-2.");
  }
  return Contains(maps, "/ld-musl-") || (!maps.empty() && age_ns >= kSettledNs);
}

}  // namespace

Descendants::Descendants(const FileSystem* fs, pid_t root, std::string session)
    : fs_(fs), root_(root), session_(std::move(session)), listed_(ListProcesses(*fs)) {
  // Who was there before the program is none of it. Numbers ascend.
  std::erase_if(listed_, [root](pid_t pid) { return pid >= root; });
}

// A process whose parent has ended stands below another; the environment tells where it is from.
bool Descendants::IsOfSession(pid_t pid) const {
  const auto environment = fs_->ReadSmall(Of(pid, "environ"));
  return environment && HasEntry(*environment, "MEMWHY_SESSION=" + session_);
}

void Descendants::Meet(pid_t pid, std::uint64_t now_ns) {
  const auto stat = os::ReadProcessStat(*fs_, pid);
  if (!stat || stat->state == 'Z') return;
  if (pid != root_ && !known_.contains(stat->parent) && !IsOfSession(pid)) return;
  Known known;
  known.start_ticks = stat->start_ticks;
  const auto status = os::ReadProcessStatus(*fs_, pid);
  if (status && status->namespace_pids.size() > 1) known.inner = status->namespace_pids.back();
  known.seen_ns = now_ns;
  known_[pid] = std::move(known);
}

void Descendants::NoticeExec(pid_t pid, Known* known, std::uint64_t now_ns) const {
  const auto executable = fs_->ReadLink(Of(pid, "exe"));
  std::string path = executable ? *executable : "";
  if (!path.empty() && path == known->executable) return;
  const bool is_first = known->executable.empty();
  if (path.empty() && !is_first) return;
  known->executable = std::move(path);
  known->seen_ns = now_ns;
  known->is_settled = known->was_searched = known->was_suspected = false;
  if (const auto stat = os::ReadProcessStat(*fs_, pid)) known->program = PlainName(stat->comm);
  if (known->executable.empty()) {
    // Of another user: all that we may know is its name.
    known->is_python = StartsWith(known->program, "python");
  } else {
    known->is_python = program::LookAtProgram(AT_FDCWD, Of(pid, "exe").c_str()).is_cpython;
  }
}

// Parents come before their children: numbers of processes ascend but for their wrap, after which
// a child is met in the next look.
void Descendants::Walk(std::uint64_t now_ns) {
  std::vector<pid_t> listed = ListProcesses(*fs_);
  std::erase_if(known_, [&](const auto& entry) {
    if (!std::binary_search(listed.begin(), listed.end(), entry.first)) return true;
    const auto stat = os::ReadProcessStat(*fs_, entry.first);
    return !stat || stat->start_ticks != entry.second.start_ticks || stat->state == 'Z';
  });
  for (const pid_t pid : listed) {
    if (!known_.contains(pid) && !std::binary_search(listed_.begin(), listed_.end(), pid)) {
      Meet(pid, now_ns);
    }
  }
  listed_ = std::move(listed);
}

std::string Descendants::WhyUnreached(pid_t pid, const Known& known, std::uint64_t now_ns) const {
  const auto maps = fs_->ReadSmall(Of(pid, "maps"));
  if (known.executable.empty()) {
    return "it may be a CPython of another user, in which the agent is not";
  }
  if (!maps) return "wait";  // about to end
  const auto environment = fs_->ReadSmall(Of(pid, "environ"));
  if (environment && HasEntry(*environment, "MEMWHY_DISABLE=1")) return "";
  if (Contains(*maps, "/libmemwhy_agent.so")) {
    // Its agent tells itself what goes wrong, unless it does not know of a session.
    if (environment && environment->empty()) return "wait";
    if (!environment || HasEntry(*environment, "MEMWHY_SESSION=")) return "";
    return "not recorded: its environment has no MEMWHY_SESSION";
  }
  if (!IsLoaded(*maps, now_ns - known.seen_ns)) return "wait";
  return "not recorded: it was started without the agent (its environment, or that of who started "
         "it, was emptied)";
}

std::vector<UnseenProcess> Descendants::Look(std::uint64_t now_ns, const IsRecorded& is_recorded) {
  std::vector<UnseenProcess> unseen;
  if (now_ns < next_ns_) return unseen;
  const std::uint64_t began = CpuNs();
  Walk(now_ns);
  for (auto& [pid, known] : known_) {
    if (is_recorded(pid, known.start_ticks)) continue;
    NoticeExec(pid, &known, now_ns);
    if (known.is_settled) continue;
    if (!known.is_python) {
      // It may load the interpreter as a library, later.
      if (known.was_searched || now_ns - known.seen_ns < kSettledNs) continue;
      known.was_searched = true;
      const auto maps = fs_->ReadSmall(Of(pid, "maps"));
      known.is_python = maps && Contains(*maps, "/libpython3");
      if (!known.is_python) continue;
    }
    // A name alone proves nothing right after a fork.
    if (known.executable.empty() && now_ns - known.seen_ns < kSettledNs) continue;
    std::string why = WhyUnreached(pid, known, now_ns);
    if (why == "wait") continue;
    // What /proc shows of a process that begins or ends meanwhile may be half of it.
    if (!why.empty() && !std::exchange(known.was_suspected, true)) continue;
    known.is_settled = true;
    if (!why.empty()) {
      unseen.push_back({static_cast<std::uint32_t>(pid), known.program, std::move(why)});
    }
  }
  const std::uint64_t took = CpuNs() - began;
  next_ns_ = now_ns + std::clamp(took * 100, kSpaceNs, kMaxSpaceNs);
  return unseen;
}

std::optional<Descendants::Identity> Descendants::FindOwner(const std::string& ring_path,
                                                            pid_t inner) {
  Walk(wire::MonotonicNs());
  for (const auto& [pid, known] : known_) {
    if (pid != inner && known.inner != inner) continue;
    const auto maps = fs_->ReadSmall(Of(pid, "maps"));
    // Behind a chroot or a bind mount the path has another beginning.
    if (!maps || !Contains(*maps, fmt::format("/{}", Basename(ring_path)))) continue;
    return Identity{pid, known.start_ticks};
  }
  return std::nullopt;
}

}  // namespace memwhy::recorder
