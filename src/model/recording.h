// SPDX-License-Identifier: Apache-2.0
//
// What a session says beside its event stream: processes, threads, counters, address-space passes,
// how it ended. Plain data, filled by a reader or by the live road, read by everything above.
// Times are seconds from the session's start; bytes are bytes; unknown is std::nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/amount.h"
#include "model/ids.h"

namespace memwhy::model {

struct Process {
  std::uint32_t pid = 0;
  std::optional<std::uint32_t> parent;
  double started = 0;
  std::optional<double> ended_at;
  std::string ended = "open";       // exit:N, signal:N, oom, open, recorder_lost, damaged
  std::string python;               // "3.11.2"; "" when it has no CPython we know
  std::string command;              // shown to people; arguments that look like secrets are masked
  std::string note;                 // why nothing was recorded, when nothing was
  std::uint64_t private_begin = 0;  // the agent's own memory
  std::uint64_t private_end = 0;
  std::uint32_t arena_bytes = 0;  // pymalloc
  std::uint32_t pool_bytes = 0;
  std::uint64_t lost_events = 0;
  std::uint64_t lost_bytes = 0;
  std::uint64_t waited_ns = 0;        // time that the target spent waiting for the recorder
  std::optional<double> detached_at;  // since then nothing was recorded: the recorder was gone
};

struct Thread {
  ProcessId process;
  std::uint32_t tid = 0;
  std::string name;                  // threading.Thread's, else the kernel's
  std::uint64_t thread_pointer = 0;  // TCB: lies in the stack's mapping for pthreads
  std::uint64_t stack_pointer = 0;   // at the first event
  std::optional<double> ended_at;
};

// Cheap counters of one process, 10 per second.
struct OsSample {
  double time = 0;
  ProcessId process;
  Bytes rss = 0;
  Bytes shared = 0;                     // file and shmem pages of rss (statm's third field)
  std::optional<Bytes> cgroup_current;  // of the process's memory cgroup
  std::optional<Bytes> cgroup_limit;    // the smallest on the way up
  std::uint32_t threads = 0;
  std::optional<double> cpu_seconds;  // user + system of the process
  // Parts of cgroup_current.
  std::optional<Bytes> cgroup_file;  // page cache without shared memory
  std::optional<Bytes> cgroup_inactive_file;
  std::optional<Bytes> cgroup_shmem;
  std::optional<Bytes> cgroup_kernel;
  std::optional<std::uint64_t> descriptors;  // open ones; not in each sample
};

// One mapping of /proc/PID/smaps.
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string permissions;  // "rw-p"
  std::uint64_t inode = 0;
  std::string name;  // path, "[heap]", "[stack]", "" for anonymous
  Bytes rss = 0;
  Bytes anonymous = 0;  // of rss
  Bytes private_dirty = 0;
  Bytes swap = 0;
};

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

// What the pools of one pymalloc arena hold, read from outside without a lock.
struct ArenaUse {
  std::uint64_t address = 0;
  Bytes blocks_in_use = 0;             // sum over pools of live blocks x size class
  Bytes pools_in_use = 0;              // pools with at least one live block, whole
  std::uint32_t pools_unreadable = 0;  // implausible headers (changed while read)
};

// Open descriptors of one kind: "socket", "pipe", "file", "shared memory", "eventpoll" ...
struct DescriptorCount {
  std::string kind;
  std::uint64_t count = 0;
};

// One pass over the address space of one process.
struct MapsPass {
  double time = 0;
  ProcessId process;
  std::string at;                 // "start", "end", or "" between
  std::vector<Mapping> mappings;  // by address
  std::vector<Range> resident;    // runs of resident pages of anonymous memory, by address
  bool residency_known = false;   // pagemap could be read
  std::vector<ArenaUse> arenas;   // by address
  std::vector<DescriptorCount> descriptors;  // most first; empty: not read
};

struct Mark {
  double time = 0;
  ProcessId process;
  std::string name;
  std::uint64_t count = 1;
};

// A time in which the small blocks of CPython's object domains were recorded as well
// (EventVisitor::OnObjectAcquire).
struct ObjectPeriod {
  ProcessId process;
  double from = 0;
  std::optional<double> to;  // nullopt: to the end of the process, or of the recording
};

// What memwhy did to a process because it was asked to: gc, trim, empty_cache, dynamo_reset. A pass
// over its address space lies just before `from`, another one just after `to`.
struct Intervention {
  ProcessId process;
  std::string what;
  double from = 0;
  double to = 0;
  double predicted_ms = 0;  // its pause, as said before it was done
  double pause_ms = 0;
  std::string answer;  // what it told, in words
  std::string error;   // "" or why it was not done
};

// The older part of a session that keeps only sums of it: what was allocated, released and held by
// each site, and the highest total.
struct FoldedPart {
  double until = 0;          // events up to here are folded
  std::string why;           // the option that asked for it: "--keep 30m"
  std::uint64_t events = 0;  // how many
  Bytes peak_bytes = 0;      // highest total of live bytes in it; the sites' shares: OnFolded
  double peak_at = 0;
  std::uint64_t unknown_releases = 0;
  std::uint64_t unknown_unmaps = 0;
  std::uint64_t replaced_blocks = 0;
  SizeClasses allocated_by_size{};
  SizeClasses ended_by_size{};  // live blocks of processes at their end
};

struct Recording {
  std::string path;
  // Which process this is about; nullopt: the first one that was recorded (process_source.h).
  std::optional<ProcessId> subject;
  std::string command;
  std::string host;
  std::string started;         // RFC 3339, UTC
  std::string mode;            // launch, attach
  double seconds = 0;          // length of the recording
  std::string ended = "open";  // as Process::ended, of the main process
  std::string damage;          // "" or what was found and where reading stopped
  bool complete = true;        // no event lost, no damage
  std::uint64_t lost_events = 0;
  double watched_from = 0;  // the window that a diagnosis asked for; 0 .. seconds otherwise
  std::optional<double> watched_to;
  std::optional<FoldedPart> folded;  // nullopt: every event is there
  std::vector<std::string> notes;
  std::vector<Process> processes;
  std::vector<Thread> threads;
  std::vector<OsSample> os_samples;          // by time
  std::vector<MapsPass> maps;                // by time
  std::vector<Mark> marks;                   // by time; filled by the replay
  std::vector<ObjectPeriod> object_periods;  // by time
  std::vector<Intervention> interventions;   // by time
  std::vector<std::string> heap_dumps;       // files beside the session, by time
  std::vector<double> heap_dump_times;
  std::vector<double> heap_dump_pause_ms;
  std::vector<ProcessId> heap_dump_processes;  // whose heap it is; as long as heap_dumps
  std::optional<double> recorder_cpu_seconds;
  std::optional<std::uint64_t> session_bytes;
};

}  // namespace memwhy::model
