// SPDX-License-Identifier: Apache-2.0
#include "monitor/tree_ledger.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "monitor/look.h"
#include "os/cgroup.h"
#include "os/smaps.h"

namespace memwhy::monitor {
namespace {

constexpr std::size_t kMaxNamed = 50;
constexpr std::size_t kMaxOthers = 5000;
constexpr int kMaxDepth = 16;

// Reads PSS into a member. False: no right.
bool ReadShares(const FileSystem& fs, TreeMember* member) {
  const auto rollup = os::ReadSmapsRollup(fs, member->pid);
  if (!rollup) return false;
  member->rss = rollup->rss;
  member->pss = rollup->pss;
  member->pss_anon = rollup->pss_anon;
  member->pss_file = rollup->pss_file;
  member->pss_shmem = rollup->pss_shmem;
  member->uss = rollup->private_clean + rollup->private_dirty;
  member->swap = rollup->swap;
  return true;
}

// Processes in a cgroup and below.
void AddProcesses(const FileSystem& fs, const std::string& directory, int depth,
                  std::set<pid_t>* pids) {
  if (const auto text = fs.ReadSmall(JoinPath(directory, "cgroup.procs"))) {
    for (const std::string_view line : SplitLines(*text)) {
      const auto pid = ParseUint(line);
      // 0: a process of another PID namespace.
      if (pid && *pid > 0 && *pid <= INT32_MAX) pids->insert(static_cast<pid_t>(*pid));
    }
  }
  if (depth == kMaxDepth) return;
  const auto names = fs.ListDir(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    const std::string below = JoinPath(directory, name);
    if (fs.Exists(JoinPath(below, "cgroup.procs"))) AddProcesses(fs, below, depth + 1, pids);
  }
}

class CgroupAccount {
 public:
  CgroupAccount(const FileSystem& fs, TreeLook* look) : fs_(fs), look_(look) {}

  std::optional<model::Ledger> Build(const os::CgroupMemory& memory) {
    if (!memory.usage) return std::nullopt;
    const std::string& directory = memory.location.directory;
    model::Ledger ledger;
    ledger.account = "cgroup";
    ledger.total = *memory.usage;
    std::set<pid_t> inside;
    AddProcesses(fs_, directory, 0, &inside);
    Bytes named_rest = 0;
    std::size_t named = 0;
    Bytes shmem_mapped = 0;
    Bytes file_mapped = 0;
    std::size_t outside = 0;
    for (const TreeMember& member : look_->members) {
      inside.erase(member.pid);
      const bool is_here = member.cgroup == directory || StartsWith(member.cgroup, directory + "/");
      if (!is_here) {
        ++outside;
        continue;
      }
      shmem_mapped += member.pss_shmem.value_or(0);
      file_mapped += member.pss_file.value_or(0);
      const Bytes anonymous = member.pss_anon.value_or(0);
      if (named++ < kMaxNamed) {
        Add(&ledger, fmt::format("anonymous memory of {} {}", member.pid, member.label), anonymous);
      } else {
        named_rest += anonymous;
      }
    }
    Add(&ledger, "anonymous memory of the other processes of the tree", named_rest);
    AddStrangers(inside, &ledger, &shmem_mapped, &file_mapped);
    const Bytes shmem = memory.shmem.value_or(0);
    const Bytes cache = memory.file.value_or(0) - std::min(memory.file.value_or(0), shmem);
    const Bytes shmem_of_processes = std::min(shmem, shmem_mapped);
    Add(&ledger, "shared memory, mapped by processes", shmem_of_processes);
    Add(&ledger, "shared memory, in no process", shmem - shmem_of_processes);
    // A page of a file is charged to the cgroup that read it first, which may be another one.
    const Bytes cache_of_processes = std::min(cache, file_mapped);
    Add(&ledger, "page cache, mapped by processes", cache_of_processes);
    Add(&ledger, "page cache, in no process", cache - cache_of_processes);
    Add(&ledger, "kernel memory", memory.kernel.value_or(0));
    Add(&ledger, "network buffers", memory.sock.value_or(0));
    Bytes sum = 0;
    for (const model::Share& share : ledger.shares) sum += share.bytes;
    ledger.unattributed = static_cast<SignedBytes>(ledger.total) - static_cast<SignedBytes>(sum);
    if (outside > 0) {
      ledger.note =
          fmt::format("{} of the tree's processes are in another memory cgroup.", outside);
    }
    return ledger;
  }

 private:
  static void Add(model::Ledger* ledger, std::string name, Bytes bytes) {
    if (bytes > 0) ledger->shares.push_back({"system", std::move(name), bytes, 0});
  }

  // Of the cgroup, but not of the tree.
  void AddStrangers(const std::set<pid_t>& pids, model::Ledger* ledger, Bytes* shmem, Bytes* file) {
    Bytes anonymous = 0;
    std::size_t read = 0;
    std::size_t unread = 0;
    for (const pid_t pid : pids) {
      TreeMember stranger;
      stranger.pid = pid;
      if (read + unread >= kMaxOthers || !ReadShares(fs_, &stranger)) {
        ++unread;
        continue;
      }
      ++read;
      anonymous += stranger.pss_anon.value_or(0);
      *shmem += stranger.pss_shmem.value_or(0);
      *file += stranger.pss_file.value_or(0);
    }
    Add(ledger, fmt::format("anonymous memory of {} other processes", read), anonymous);
    if (unread > 0) {
      look_->notes.push_back(fmt::format(
          "{} processes of the cgroup could not be read: smaps_rollup of another user's process "
          "needs root or CAP_SYS_PTRACE",
          unread));
    }
  }

  const FileSystem& fs_;
  TreeLook* look_;
};

}  // namespace

Result<TreeLook> LookAtTree(const FileSystem& fs, pid_t root) {
  LookOptions options;
  options.pids = {root};
  options.tree = true;
  options.top = SIZE_MAX;
  MEMWHY_TRY(Look look, Looker(&fs, options).Take(0));
  TreeLook tree;
  std::size_t unread = 0;
  for (const ProcessLook& process : look.processes) {
    TreeMember member;
    member.pid = process.pid;
    member.parent = process.parent;
    member.name = process.name;
    member.label = process.label;
    member.rss = process.rss;
    member.swap = process.swap;
    member.cgroup = process.cgroup;
    if (!ReadShares(fs, &member)) ++unread;
    const bool is_root = member.pid == root;
    tree.members.insert(is_root ? tree.members.begin() : tree.members.end(), std::move(member));
  }
  if (tree.members.empty() || tree.members.front().pid != root) {
    return Error::Of("process {} is not there", root);
  }
  if (unread > 0) {
    tree.notes.push_back(
        fmt::format("{} of {} processes could not be read: smaps_rollup of another "
                    "user's process needs root or CAP_SYS_PTRACE",
                    unread, tree.members.size()));
  }
  const auto memory = os::ReadCgroupMemory(fs, root);
  if (!memory) {
    tree.notes.push_back(memory.error().message());
    return tree;
  }
  tree.cgroup_directory = memory->location.directory;
  tree.cgroup = CgroupAccount(fs, &tree).Build(*memory);
  return tree;
}

}  // namespace memwhy::monitor
