// SPDX-License-Identifier: Apache-2.0
//
// The grammar of the messages about kills for lack of memory, one line each, of kernels from 2.6 to
// 6.18 by their shape, of systemd-oomd and of earlyoom. Names of processes may hold anything:
// blanks, parentheses, what looks like the rest of the message. Numbers without their unit are not
// taken: the line may be cut. Pure; views point into the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "model/oom_log.h"

namespace memwhy::readers {

// "Killed process 14415 (python3) total-vm:57692kB, anon-rss:47616kB, file-rss:6644kB, ...".
struct KilledMessage {
  std::uint32_t pid = 0;
  std::string_view name;
  bool has_sizes = false;
  std::optional<Bytes> total_vm;
  std::optional<Bytes> anon_rss;
  std::optional<Bytes> file_rss;
  std::optional<Bytes> shmem_rss;
};
std::optional<KilledMessage> ParseKilled(std::string_view from_killed);

// What stands in front of "Killed process" or "Kill process": "Memory cgroup out of memory: ".
// nullopt: this is no message of the kernel.
struct OomReason {
  std::optional<model::OomScope> scope;  // nullopt: not told here
};
std::optional<OomReason> ParseReason(std::string_view text);

// "Kill process 14415 (python3) score 901 or sacrifice child": who was chosen, not who was killed.
std::optional<std::uint32_t> ParseChosen(std::string_view from_kill);

// "oom-kill:constraint=CONSTRAINT_MEMCG,...,oom_memcg=/a,task_memcg=/a/b,task=python3,pid=1,uid=0".
struct OomSummary {
  model::OomScope scope = model::OomScope::kGlobal;
  std::optional<std::string> limit_cgroup;
  std::optional<std::string> victim_cgroup;
  std::string_view name;
  std::uint32_t pid = 0;
};
std::optional<OomSummary> ParseSummary(std::string_view text);

// "Task in /a/b killed as a result of limit of /a".
struct LimitOf {
  std::string victim_cgroup;
  std::string limit_cgroup;
};
std::optional<LimitOf> ParseLimitOf(std::string_view text);

// "memory: usage 40960kB, limit 40960kB, failcnt 54".
struct UsageLine {
  Bytes usage = 0;
  std::optional<Bytes> limit;  // nullopt: none is set
};
std::optional<UsageLine> ParseUsage(std::string_view text);

// The table of processes; its columns come from its head, "[ pid ]   uid  tgid total_vm ... name".
class TaskTable {
 public:
  // nullopt: no head, or one without the columns that are needed.
  static std::optional<TaskTable> FromHead(std::string_view text);

  struct Row {
    std::uint32_t pid = 0;
    std::uint64_t rss_pages = 0;
    std::string_view name;
  };
  // nullopt: no row of this table.
  std::optional<Row> ParseRow(std::string_view text) const;

 private:
  std::size_t columns_ = 0;  // between the pid in brackets and the name
  std::size_t rss_ = 0;
};
// "[ 4711]" at the front: it may be a row.
bool LooksLikeRow(std::string_view text);

// "Killed /a.slice/b.scope due to memory pressure for /a.slice being 51.07% > 50.00% ...".
std::optional<std::string_view> ParseOomdKill(std::string_view text);
// "Marked /a.slice/b.scope for killing due to ..." of systemd 258 and later.
std::optional<std::string_view> ParseOomdMark(std::string_view text);
// "b.scope: systemd-oomd killed 12 process(es) in this unit."
struct OomdUnit {
  std::string_view unit;
  std::uint64_t processes = 0;
};
std::optional<OomdUnit> ParseOomdUnit(std::string_view text);
// "43.3G" as systemd writes it.
std::optional<Bytes> ParseOomdBytes(std::string_view text);

// 'sending SIGTERM to process 1 uid 0 "name": oom_score 842, VmRSS 123 MiB'.
struct EarlyoomKill {
  std::uint32_t pid = 0;
  std::string_view name;
  std::optional<Bytes> rss;
};
std::optional<EarlyoomKill> ParseEarlyoom(std::string_view text);

}  // namespace memwhy::readers
