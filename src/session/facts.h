// SPDX-License-Identifier: Apache-2.0
//
// The facts of a session: what is known beside the event streams, one JSON object per block. Times
// are CLOCK_MONOTONIC in nanoseconds; a reader subtracts `session.monotonic_ns`. Members may be
// added; unknown types and members are skipped. Facts of one process may be repeated: the last
// wins.
//
//   session      monotonic_ns command host started mode recorder_pid recorder_start rings
//   process      process pid parent start_ticks clock_kind clock_shift clock [clock, monotonic_ns]
//                fork_clock python command note private [begin, end] arena_bytes pool_bytes
//   process_end  process monotonic_ns clock ended lost_events lost_bytes waited_ns detached_ns
//   os_samples   samples [[monotonic_ns, process, rss, shared, cgroup_current, cgroup_limit,
//                threads, cpu_seconds, cgroup_file, cgroup_inactive_file, cgroup_shmem,
//                cgroup_kernel, descriptors] ...] clock [clock, monotonic_ns]  (unknown is null)
//   maps         process monotonic_ns at mappings [[begin, end, permissions, inode, name, rss,
//                anonymous, private_dirty, swap] ...] residency_known resident [begin, end, ...]
//                arenas [[address, blocks_in_use, pools_in_use, pools_unreadable] ...]
//                descriptors [[kind, count] ...]
//   heap_dump    process file monotonic_ns pause_ms predicted_ms error
//   objects      process from_ns to_ns      an object period; again, with to_ns, when it ended
//   window       from_ns to_ns
//   folded       until_ns why events peak_bytes peak_at_ns unknown_releases unknown_unmaps
//                replaced_blocks forked [process ...] allocated_by_size ended_by_size
//                [[size class, bytes, blocks] ...]                          (fold.h)
//   note         text
//   end          monotonic_ns ended recorder_cpu_seconds session_bytes cut_short
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/recording.h"

namespace memwhy::session {

// The stream's clock and CLOCK_MONOTONIC read at one instant.
struct ClockPair {
  std::uint64_t clock = 0;
  std::uint64_t monotonic_ns = 0;
};

struct SessionFact {
  std::uint64_t monotonic_ns = 0;  // the session's start
  std::string command;
  std::string host;
  std::string started;
  std::string mode = "launch";
  std::uint32_t recorder_pid = 0;
  std::uint64_t recorder_start = 0;  // field 22 of /proc/PID/stat
  std::optional<ClockPair> clock;    // time-stamp counter
  std::string rings;                 // a note: where they were kept, and why; "" in the session
};

struct ProcessFact {
  std::uint32_t process = 0;  // index, as in pieces
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
  std::uint64_t start_ticks = 0;
  std::uint32_t clock_kind = 1;
  std::uint32_t clock_shift = 0;
  ClockPair clock;               // at its start
  std::uint64_t fork_clock = 0;  // just before the fork that made it; 0: not by a fork
  std::string python;
  std::string command;
  std::string note;
  std::uint64_t private_begin = 0;
  std::uint64_t private_end = 0;
  std::uint32_t arena_bytes = 0;
  std::uint32_t pool_bytes = 0;
};

struct ProcessEndFact {
  std::uint32_t process = 0;
  std::uint64_t monotonic_ns = 0;  // when the recorder noticed
  std::string ended;
  std::uint64_t lost_events = 0;
  std::uint64_t lost_bytes = 0;
  std::uint64_t waited_ns = 0;
  std::uint64_t detached_ns = 0;  // 0: the agent recorded to the end
  std::uint64_t clock = 0;        // of the process, when it left; 0: not known
};

struct OsSampleFact {
  std::uint64_t monotonic_ns = 0;
  model::OsSample sample;  // its time is not used
};

struct OsSamplesFact {
  std::vector<OsSampleFact> samples;
  std::optional<ClockPair> clock;
};

struct MapsFact {
  std::uint64_t monotonic_ns = 0;
  model::MapsPass pass;  // its time is not used
};

struct HeapDumpFact {
  std::uint32_t process = 0;
  std::string file;  // in the session directory; "" when it failed
  std::uint64_t monotonic_ns = 0;
  double pause_ms = 0;
  double predicted_ms = 0;
  std::string error;
};

// Facts of one process with one `from_ns` are of one period.
struct ObjectPeriodFact {
  std::uint32_t process = 0;
  std::uint64_t from_ns = 0;
  std::optional<std::uint64_t> to_ns;
};

struct InterventionFact {
  std::uint32_t process = 0;
  std::string what;
  std::uint64_t from_ns = 0;
  std::uint64_t to_ns = 0;
  double predicted_ms = 0;
  double pause_ms = 0;
  std::string answer;
  std::string error;  // "" or why it was not done
};

struct WindowFact {
  std::uint64_t from_ns = 0;
  std::optional<std::uint64_t> to_ns;
};

struct FoldedFact {
  std::uint64_t until_ns = 0;
  std::uint64_t peak_at_ns = 0;
  model::FoldedPart part;             // its times are not used
  std::vector<std::uint32_t> forked;  // processes whose fork is in the folded part, in order
};

struct EndFact {
  std::uint64_t monotonic_ns = 0;
  std::string ended;
  std::optional<double> recorder_cpu_seconds;
  std::optional<std::uint64_t> session_bytes;
  bool is_cut_short = false;  // recording stopped before the target did
};

nlohmann::json ToJson(const SessionFact& fact);
nlohmann::json ToJson(const ProcessFact& fact);
nlohmann::json ToJson(const ProcessEndFact& fact);
nlohmann::json ToJson(const OsSamplesFact& fact);
nlohmann::json ToJson(const MapsFact& fact);
nlohmann::json ToJson(const HeapDumpFact& fact);
nlohmann::json ToJson(const ObjectPeriodFact& fact);
nlohmann::json ToJson(const InterventionFact& fact);
nlohmann::json ToJson(const WindowFact& fact);
nlohmann::json ToJson(const FoldedFact& fact);
nlohmann::json ToJson(const EndFact& fact);
nlohmann::json NoteToJson(const std::string& text);

// All facts of a session, as read.
struct Facts {
  std::optional<SessionFact> session;
  std::map<std::uint32_t, ProcessFact> processes;
  std::map<std::uint32_t, ProcessEndFact> process_ends;
  std::vector<OsSampleFact> os_samples;
  std::vector<MapsFact> maps;
  std::vector<HeapDumpFact> heap_dumps;
  std::vector<ObjectPeriodFact> object_periods;
  std::vector<InterventionFact> interventions;
  std::vector<ClockPair> clock;  // of the time-stamp counter
  std::optional<WindowFact> window;
  std::optional<FoldedFact> folded;
  std::vector<std::string> notes;
  std::optional<EndFact> end;
  std::uint64_t kept_bytes = 0;  // about what all these take, and what is made of them
};

// Adds one fact. Members that are missing or of another kind count as unknown; an error is a text
// that is no fact at all.
Result<void> AddFact(const nlohmann::json& fact, Facts* facts);
Result<void> AddFactText(std::string_view text, Facts* facts);

}  // namespace memwhy::session
