// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/process_tree.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "base/strings.h"
#include "os/process.h"
#include "os/smaps.h"
#include "os/statm.h"

namespace memwhy::gate {
namespace {

std::vector<pid_t> Children(const FileSystem& fs, pid_t pid) {
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  if (!fs.Exists(fmt::format("{}/{}/children", tasks, pid))) {
    // A kernel without CONFIG_PROC_CHILDREN, or a process that is gone.
    if (!fs.Exists(tasks)) return {};
    return os::FindChildren(fs, pid).value_or(std::vector<pid_t>());
  }
  std::vector<pid_t> children;
  const auto threads = fs.ListDir(tasks);
  if (!threads) return children;
  for (const std::string& thread : *threads) {
    const auto text = fs.ReadSmall(fmt::format("{}/{}/children", tasks, thread));
    if (!text) continue;
    for (const std::string_view field : SplitFields(Trim(*text))) {
      if (const auto child = ParseUint(field)) children.push_back(static_cast<pid_t>(*child));
    }
  }
  return children;
}

}  // namespace

std::vector<pid_t> Descendants(const FileSystem& fs, pid_t root) {
  std::vector<pid_t> pids = Children(fs, root);
  for (std::size_t i = 0; i < pids.size(); ++i) {
    for (const pid_t child : Children(fs, pids[i])) {
      if (std::ranges::find(pids, child) == pids.end()) pids.push_back(child);
    }
  }
  return pids;
}

TreeLook LookAtProcesses(const FileSystem& fs, const std::vector<pid_t>& pids,
                         const TreeWants& wants) {
  TreeLook look;
  if (wants.pss) look.pss = 0;
  if (wants.descriptors) look.descriptors = 0;
  for (const pid_t pid : pids) {
    const auto status = os::ReadStatus(fs, pid);
    if (!status) continue;
    look.rss += status->rss;
    look.highest_single = std::max(look.highest_single, status->peak_rss);
    if (status->rss > 0) look.threads += status->threads;  // else a zombie
    if (wants.pss) {
      if (const auto rollup = os::ReadSmapsRollup(fs, pid)) *look.pss += rollup->pss;
    }
    if (wants.descriptors) {
      if (const auto open = fs.ListDir(fmt::format("/proc/{}/fd", pid))) {
        *look.descriptors += open->size();
      }
    }
  }
  return look;
}

}  // namespace memwhy::gate
