// SPDX-License-Identifier: Apache-2.0
//
// Reads a session directory (format.h): its blocks up to the first damage, then what the ring files
// still hold beyond them. Invariant: everything that stands before a damage is delivered, nothing
// that stands behind it; damage is said in recording().damage and never crashes. Opening checks all
// events once and knows the whole recording and all stacks; a replay then merges the streams by
// time, with memory bounded by the threads (one piece each), not by the events. Hostile files take
// memory in proportion to their size (allowance.h), and time to what they unfold to. Not
// thread-safe; several replays one after the other are fine.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/sites/event_source.h"
#include "session/allowance.h"
#include "session/block_file.h"
#include "session/clock_map.h"
#include "session/facts.h"
#include "session/ring_snapshot.h"
#include "session/stream_index.h"

namespace memwhy::session {

class Session : public model::EventSource {
 public:
  // `path` is the session directory (or its blocks.mwy).
  static Result<std::unique_ptr<Session>> Open(const std::string& path);

  // Only what stands in the first `limit` bytes of its blocks.mwy; no rings. For folding.
  static Result<std::unique_ptr<Session>> OpenBlocks(const std::string& directory,
                                                     std::uint64_t limit);

  const model::Recording& recording() const override { return recording_; }
  const model::StackTree& stacks() const override { return stacks_; }
  Result<void> Replay(model::EventVisitor& visitor) const override;
  Result<void> ReplayOf(model::ProcessId process, model::EventVisitor& visitor) const override;

  // Of each stream only the events before its first that is later than `until`, in seconds.
  Result<void> ReplayUntil(double until, model::EventVisitor& visitor) const;

  // CLOCK_MONOTONIC as seconds of the session.
  double SecondsOfNs(std::uint64_t monotonic_ns) const;

  // For inspect and tests.
  const Facts& facts() const { return facts_; }
  std::uint64_t records() const;

 private:
  friend class Merge;
  friend class Folding;
  struct Stream {
    model::ProcessId process;
    model::ThreadId thread;
    std::uint32_t number;  // of the thread in its process, as in pieces
    StreamIndex index;
  };
  struct RingSource {
    std::uint32_t process;
    RingInfo info;
  };

  explicit Session(BlockFile file) : file_(std::move(file)) {}
  void ReadBlocks();
  bool AddFact(std::uint64_t offset, std::span<const std::uint8_t> raw);
  bool AddPieces(std::uint32_t block, std::span<const std::uint8_t> raw);
  void AddRing(RingSnapshot ring);
  // nullptr: the session names more threads than its bytes can hold.
  Stream* FindStream(std::uint32_t process, std::uint32_t thread);
  std::uint32_t ProcessOfRing(const RingInfo& info);
  void AddDamage(const std::string& what);
  void BuildClocks();
  void BuildRecording();
  void BuildProcesses();
  void BuildThreads();
  void BuildOs();
  void BuildEnd();
  double SecondsOfTicks(const Stream& stream, std::uint64_t ticks) const;

  BlockFile file_;
  Allowance allowance_;
  Facts facts_;
  std::vector<BlockFile::Place> blocks_;  // of pieces
  std::uint64_t unfolded_bytes_ = 0;      // of these blocks
  std::vector<std::vector<std::uint8_t>> ring_bytes_;
  std::vector<RingSource> rings_;
  std::vector<Stream> streams_;
  std::unordered_map<std::uint64_t, std::uint32_t> stream_index_;  // process, thread -> stream
  ClockMap counter_;
  ClockMap nanoseconds_;
  std::vector<const ClockMap*> clocks_;  // by process: one of the two
  std::vector<std::uint32_t> shifts_;    // by process
  bool has_one_clock_ = true;
  std::uint64_t origin_ns_ = 0;
  model::Recording recording_;
  model::StackTree stacks_;
};

}  // namespace memwhy::session
