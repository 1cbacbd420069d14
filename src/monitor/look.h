// SPDX-License-Identifier: Apache-2.0
//
// One look at processes: memory by kind of page, threads, and the memory cgroup with its limit.
// Cheap: /proc/PID/stat of each candidate, /proc/PID/status of those that are shown. Unknown is
// nullopt. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/result.h"
#include "os/cgroup.h"

namespace memwhy::monitor {

// (pid, start time) names a process for good.
using ProcessKey = std::pair<pid_t, std::uint64_t>;

struct ProcessLook {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start_ticks = 0;
  std::string name;   // the kernel's
  std::string label;  // "python serve.py", "python -m uvicorn": no other argument is shown
  bool is_python = false;
  std::uint64_t threads = 0;
  Bytes rss = 0;
  std::optional<Bytes> anon;  // RssAnon; nullopt: not shown, so not read
  std::optional<Bytes> file;
  std::optional<Bytes> shmem;
  std::optional<Bytes> swap;
  std::optional<Bytes> page_tables;
  std::string cgroup;  // its directory, "" unknown: a key of Look::cgroups

  ProcessKey key() const { return {pid, start_ticks}; }
};

struct CgroupLook {
  std::optional<Bytes> current;
  std::optional<Bytes> limit;
  std::optional<Bytes> working_set;  // current without inactive file pages, as kubelet counts
  std::optional<std::uint64_t> oom_kills;
  std::string limit_directory;
};

struct HostLook {
  std::optional<Bytes> total;
  std::optional<Bytes> available;
  std::optional<Bytes> swap_total;
  std::optional<Bytes> swap_free;
  std::optional<std::uint64_t> oom_kills;  // since boot
};

struct Look {
  double time = 0;  // seconds, monotonic
  HostLook host;
  std::vector<ProcessLook> processes;  // largest rss first
  std::map<std::string, CgroupLook> cgroups;
  std::uint64_t processes_seen = 0;
  std::string missing;  // what could not be read, and which right is missing; "" nothing
};

struct LookOptions {
  std::vector<pid_t> pids;  // empty: the whole host
  bool tree = false;        // with all descendants
  bool python_only = true;  // of the whole host
  std::size_t top = 100;    // so many get details
};

// Keeps what does not change between looks: labels, places of cgroups, who is a Python.
class Looker {
 public:
  Looker(const FileSystem* fs, LookOptions options) : fs_(fs), options_(std::move(options)) {}

  // Error: none of the processes that were asked for is there any more.
  Result<Look> Take(double time);
  void set_python_only(bool value) { options_.python_only = value; }
  bool python_only() const { return options_.python_only; }

 private:
  struct Known {
    std::string label;
    bool is_python = false;
    std::optional<os::CgroupLocation> cgroup;
    bool has_looked_for_cgroup = false;
    bool is_named = false;
    std::string name_then;  // another one after an exec
    std::uint64_t last_look = 0;
  };

  void Describe(const ProcessLook& process, Known* known) const;
  void AddDetails(ProcessLook* process, Known* known, Look* look) const;
  std::vector<ProcessLook> Candidates(std::uint64_t* seen) const;

  const FileSystem* fs_;
  LookOptions options_;
  std::map<ProcessKey, Known> known_;
  std::uint64_t looks_ = 0;
};

// The parts of /proc/PID/stat that a look needs.
Result<ProcessLook> ParseLookStat(const std::string& text, Bytes page_bytes);

// "python serve.py" from a command line.
std::string LabelOf(const std::vector<std::string>& arguments, const std::string& name);

}  // namespace memwhy::monitor
