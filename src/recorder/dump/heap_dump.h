// SPDX-License-Identifier: Apache-2.0
//
// Takes a heap dump of a live process that has our agent: finds its ring, asks, reads what the
// clone streams, packs it into a file. Needs no recorder; one dump at a time in a process.
#pragma once

#include <sys/types.h>

#include <functional>
#include <span>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/dump/heap_request.h"

namespace memwhy::recorder {

struct HeapDumpOptions {
  pid_t pid = 0;
  std::string output;       // file to make; one that exists is replaced at the end; not of a census
  double max_pause_ms = 0;  // 0: no limit
  bool in_place = false;    // do not try a clone
  bool redacts = false;     // keys and names become tokens; so they do where the process redacts
  bool scans = true;        // look for other holders of objects with too many references
  // Live native blocks of the process, in any order: what is behind objects is followed into them.
  std::span<const NativeBlock> blocks;
};

struct HeapDumpOutcome {
  double predicted_ms = 0;
  double pause_ms = 0;
  std::uint64_t predicted_bytes = 0;
  std::uint64_t spared_bytes = 0;        // of pinned memory, which the clone had no copy of
  std::string method;                    // "clone" or "in_place"
  std::uint64_t taken_monotonic_ns = 0;  // the moment that the dump shows
  double seconds = 0;                    // until the last byte
  bool was_scanned = false;
  bool followed_blocks = false;  // HeapDumpOptions::blocks could be used
  std::uint64_t raw_bytes = 0;
  std::uint64_t file_bytes = 0;
};

// Called once, before the target is touched.
using OnPrediction = std::function<void(const HeapReply&)>;

// Takes a whole dump and waits for it; HeapDumpRun is the same in steps.
Result<HeapDumpOutcome> TakeHeapDump(const FileSystem& fs, const HeapDumpOptions& options,
                                     const OnPrediction& on_prediction = {});

// The ring file of a process, as the process itself names it. An error says what to do.
Result<std::string> FindRingOf(const FileSystem& fs, pid_t pid);
// The same for a request; an error, too, where its session was deleted.
Result<std::string> FindUsableRing(const FileSystem& fs, pid_t pid);
// A file of the process as we see it: it may live in another mount namespace.
std::string OurPath(const FileSystem& fs, pid_t pid, const std::string& path);
// The session that it is recorded to, as we see it.
Result<std::string> FindSessionOf(const FileSystem& fs, pid_t pid);

}  // namespace memwhy::recorder
