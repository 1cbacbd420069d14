// SPDX-License-Identifier: Apache-2.0
//
// Asks the agent of one process for a heap dump, for a change of what it records, or for an
// intervention: posts the request in the ring file, wakes one thread of the target that sleeps in a
// system call, and watches the answer. The target is touched only by that one signal
// (request_signal.h); one that may not be signalled, or whose threads all run, finds the request at
// its next allocation. One request at a time, one thread; the caller keeps draining between the
// polls.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "recorder/dump/request_signal.h"
#include "recorder/ring/ring_map.h"
#include "recorder/ring/ring_owner.h"
#include "wire/request.h"

namespace memwhy::recorder {

// A block of native memory that a dump shall recognise.
struct NativeBlock {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
};

struct HeapReply {
  double pause_ms = 0;
  double predicted_ms = 0;
  std::uint64_t predicted_bytes = 0;  // memory of the target for the time of the walk
  std::uint64_t spared_bytes = 0;     // pinned memory of it that is not in the dump
  std::uint32_t lanes = 1;            // processes that wrote the dump
  std::string error;                  // "" or the agent's reason
  std::uint64_t taken_ns = 0;         // CLOCK_MONOTONIC of the moment that a dump shows
  bool followed_blocks = false;       // native blocks were given and could be used
  std::string method;                 // "clone" or "in_place"; "" before
  std::string answer;                 // to a plain question: in words
};

struct HeapDumpLimits {
  double pause_ms = 0;                 // refuse a longer predicted pause; 0: no limit
  std::uint64_t clone_ns_per_mib = 0;  // measured on this machine; 0: not
  std::uint64_t headroom_bytes = 0;    // what the target's cgroup has left; 0: no limit
  bool in_place = false;
  bool redacts = false;
  bool may_split = false;   // two processors may be busy with it at once
  bool is_census = false;   // only sums; neither of those below
  std::string scan_path;    // where questions will be, as the target sees it; "" no scan
  bool has_blocks = false;  // the live native blocks lie in output_path + wire::kBlocksSuffix
};

// Writes them sorted, as the agent reads them.
Result<void> WriteBlocks(const std::string& path, std::span<const NativeBlock> blocks);

// One that is answered in one step (PlainRequest).
struct PlainQuestion {
  wire::RequestKind kind = wire::RequestKind::kNone;
  std::string name;  // of an intervention
};

class HeapRequest {
 public:
  // Posts the request; `output_path` is a FIFO that somebody reads, as the target
  // sees it. `owner` is the process of `ring`; both outlive the request.
  static Result<HeapRequest> Post(const FileSystem& fs, RingMap* ring, const RingOwner* owner,
                                  const std::string& output_path, const HeapDumpLimits& limits);
  // The same for a plain question. Of the reply these mean something: `error`; of an object period
  // `taken_ns`; of an intervention `answer`, and `predicted_ms` or `pause_ms`.
  static Result<HeapRequest> PostPlain(const FileSystem& fs, RingMap* ring, const RingOwner* owner,
                                       const PlainQuestion& question);
  // Signals a sleeping thread while the request is posted and not taken.
  WakeOutcome Wake(const FileSystem& fs);
  // What the agent expects, once it has said so: pause and memory; before the walk begins.
  std::optional<HeapReply> Prediction() const;
  // Whether nobody has taken it yet.
  bool IsPosted() const;
  // The reply when there is one.
  std::optional<HeapReply> Poll();
  // A clone has written its stream and waits for questions.
  bool IsWaiting() const;
  // The questions are in the file at scan_path.
  void Ask();
  // Takes the request back. False: it runs already, its end must be waited for.
  bool Withdraw();

 private:
  HeapRequest(RingMap* ring, const RingOwner* owner);

  RingMap* ring_;
  const RingOwner* owner_;
};

}  // namespace memwhy::recorder
