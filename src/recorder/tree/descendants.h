// SPDX-License-Identifier: Apache-2.0
//
// The processes below the program, as /proc shows them: which CPythons are there that nothing of us
// is in, and which process is meant by a number of another PID namespace. A look costs a listing of
// /proc and a few reads per new process; looks are spaced so that they take a hundredth of the time
// at most. What lives shorter than the space between two looks is only known from the agents around
// it (wire/tally.h). One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "recorder/tree/unseen_process.h"

namespace memwhy::recorder {

class Descendants {
 public:
  // `session`: the absolute path, which is in the environment of every process that we reach.
  Descendants(const FileSystem* fs, pid_t root, std::string session);

  // Whether this process has a ring, or had one.
  using IsRecorded = std::function<bool(pid_t pid, std::uint64_t start_ticks)>;
  // When a look is due: CPythons found to be unreached, each told once.
  std::vector<UnseenProcess> Look(std::uint64_t now_ns, const IsRecorded& is_recorded);

  struct Identity {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0;  // as we read it
  };
  // Who has mapped the ring file `path`, of a process that calls itself `inner`: another number
  // than ours in a PID namespace, another start in a time namespace. Looks at once.
  std::optional<Identity> FindOwner(const std::string& ring_path, pid_t inner);

 private:
  struct Known {
    std::uint64_t start_ticks = 0;
    pid_t inner = 0;         // in its own PID namespace; 0: it has none
    std::string program;     // comm
    std::string executable;  // what exe links to
    bool is_python = false;
    bool is_settled = false;     // told, or in no need of it
    std::uint64_t seen_ns = 0;   // this executable, first
    bool was_suspected = false;  // in one look; it takes two
    bool was_searched = false;   // its mappings, for a libpython
  };

  void Walk(std::uint64_t now_ns);
  void Meet(pid_t pid, std::uint64_t now_ns);
  bool IsOfSession(pid_t pid) const;
  void NoticeExec(pid_t pid, Known* known, std::uint64_t now_ns) const;
  // Why it is not recorded; "": it is, or need not be; "wait": that cannot be told yet.
  std::string WhyUnreached(pid_t pid, const Known& known, std::uint64_t now_ns) const;

  const FileSystem* fs_;
  pid_t root_;
  std::string session_;
  std::vector<pid_t> listed_;  // all of the last look, sorted
  std::map<pid_t, Known> known_;
  std::uint64_t next_ns_ = 0;
};

}  // namespace memwhy::recorder
