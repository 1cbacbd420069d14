// SPDX-License-Identifier: Apache-2.0
//
// One recorded process: its ring, how far it is drained, its counters. Owned by the runner.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "recorder/os_sampler.h"
#include "recorder/ring/drain.h"
#include "recorder/ring/quiet_chunks.h"
#include "recorder/ring/ring_map.h"
#include "recorder/tree/process_watch.h"
#include "session/facts.h"
#include "session/writer.h"
#include "wire/redaction.h"

namespace memwhy::recorder {

class Target {
 public:
  // `pid` and `start_ticks` as /proc shows them to us: in a namespace of its own the ring's process
  // knows itself by others.
  Target(std::unique_ptr<RingMap> ring, std::uint32_t process, const FileSystem* fs, pid_t pid,
         std::uint64_t start_ticks, std::optional<wire::RedactionKey> redacts);

  // Tells the agent that the recorder lives.
  void Beat() { ring_->Beat(clock_shift_ns_); }
  RingMap& ring() { return *ring_; }
  const RingMap& ring() const { return *ring_; }
  Drain& drain() { return drain_; }
  QuietChunks& quiet() { return quiet_; }
  std::uint32_t process() const { return process_; }
  pid_t pid() const { return pid_; }
  std::uint64_t start_ticks() const { return start_ticks_; }
  const ProcessWatch& watch() const { return watch_; }
  // Whether it has left its program or is about to, as it says itself or the kernel.
  bool IsOver();
  // Whether it executes another program: its agent says so, or what procfs shows has changed.
  bool IsReplaced(bool looks_at_procfs);
  bool is_recording() const {
    return ring_->info().state == wire::AgentState::kRecording ||
           ring_->info().state == wire::AgentState::kEnded;
  }

  // Writes the process fact, again when something in it changed.
  Result<void> WriteFact(session::SessionWriter* writer);
  Result<void> WriteMaps(const std::string& at, session::SessionWriter* writer);
  // How it ended, for a session that takes no more; nothing where it does not know the process.
  std::optional<nlohmann::json> EndFact(const std::string& ended);
  Result<void> WriteEnd(const std::string& ended, session::SessionWriter* writer);
  std::optional<model::OsSample> Sample();
  bool SawOomKill() { return sampler_.SawOomKill(); }

  // When the next pass over the address space is due.
  std::uint64_t next_pass_ns() const { return next_pass_ns_; }
  void set_next_pass_ns(std::uint64_t ns) { next_pass_ns_ = ns; }
  bool has_passes() const { return has_passes_; }

 private:
  std::unique_ptr<RingMap> ring_;
  std::uint32_t process_;
  pid_t pid_;
  std::uint64_t start_ticks_;
  Drain drain_;
  QuietChunks quiet_;
  ProcessWatch watch_;
  const FileSystem* fs_;
  std::optional<wire::RedactionKey> redacts_;  // --redact
  OsSampler sampler_;
  std::string command_;
  std::string written_;  // the last process fact
  std::uint64_t next_pass_ns_;
  bool has_passes_ = false;
  std::uint64_t clock_shift_ns_;  // of its CLOCK_MONOTONIC, in a time namespace of its own
};

}  // namespace memwhy::recorder
