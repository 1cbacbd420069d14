// SPDX-License-Identifier: Apache-2.0
//
// What logs say about processes that were killed for lack of memory: by the kernel, by systemd-oomd
// or by earlyoom. Only kills that happened, in the order of the log. What the log does not say is
// absent, never 0. Filled by readers/oom_log_reader.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace memwhy::model {

enum class OomScope : std::uint8_t {
  kMemcg,      // a memory cgroup was at its limit
  kGlobal,     // the whole machine had no memory
  kCpuset,     // the nodes of a cpuset or of a memory policy had none, others may have had
  kUserspace,  // a program decided: systemd-oomd, earlyoom
};

// As documents spell it.
constexpr const char* OomScopeName(OomScope scope) {
  switch (scope) {
    case OomScope::kMemcg:
      return "memcg";
    case OomScope::kGlobal:
      return "global";
    case OomScope::kCpuset:
      return "cpuset";
    case OomScope::kUserspace:
      return "userspace";
  }
  return "";
}

// Another process, or another cgroup (no pid), that held memory when the kill was decided.
struct OomOther {
  std::optional<std::uint32_t> pid;
  std::string name;
  std::optional<Bytes> rss;
};

struct OomKill {
  std::optional<std::uint32_t> pid;  // nullopt: a whole cgroup, whose pids the log does not tell
  std::string name;                  // of the process, or of the unit; "" unknown
  OomScope scope = OomScope::kGlobal;
  std::string killer;                 // kernel, systemd-oomd, earlyoom
  std::optional<std::string> cgroup;  // the one at its limit; userspace: the one that was killed
  std::optional<std::string> victim_cgroup;  // the one that the victim was in
  std::optional<Bytes> limit;                // of `cgroup`; nullopt: none, or not told
  std::optional<Bytes> usage;                // of `cgroup`
  std::optional<Bytes> total_vm;
  std::optional<Bytes> anon_rss;
  std::optional<Bytes> file_rss;
  std::optional<Bytes> shmem_rss;
  std::optional<Bytes> rss;                // of the process, as the killer counts it
  std::optional<std::uint64_t> processes;  // how many were killed with it, itself included
  std::string at;                          // the log's own time, "" without one
  std::string asked_by;                    // the process whose allocation failed, "" unknown
  std::uint64_t line = 0;                  // of the log, from 1
  // Lines of another kill lay between and nothing tells whose is whose: limit and others may be
  // those of the other kill.
  bool is_ambiguous = false;
  std::vector<OomOther> others;    // largest first
  std::uint64_t others_total = 0;  // with those that are not in the list
};

struct OomLog {
  std::vector<OomKill> kills;
  std::uint64_t lines = 0;
  std::uint64_t unparsed = 0;    // lines that look like these messages and could not be understood
  std::uint64_t duplicates = 0;  // the same message twice: a log that two programs wrote
  std::uint64_t spared = 0;      // the killer was called and says that it killed nobody
  std::uint64_t unfinished = 0;  // it was called, and the log has no end of it
};

}  // namespace memwhy::model
