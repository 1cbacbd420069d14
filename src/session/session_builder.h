// SPDX-License-Identifier: Apache-2.0
//
// Builds a session directory from synthetic events, for tests and benchmarks:
//
//   SessionBuilder builder(path);                        // process 0, pid 100
//   StreamEncoder& main = builder.Stream(0, 0);
//   main.Thread(100, "MainThread");
//   const auto stack = main.DefineNode(wire::kStackNone, main.DefineCode("f", "a.py", "a", 1));
//   main.Allocate(At(0.5), wire::Allocator::kMalloc, 0x1000, 64, stack);
//   builder.Write();                                     // streams, facts, end
//
// Time is CLOCK_MONOTONIC in nanoseconds (no shift); the session starts at kOriginNs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "session/facts.h"
#include "session/stream_encoder.h"
#include "session/writer.h"

namespace memwhy::session {

inline constexpr std::uint64_t kOriginNs = 1'000'000'000'000;

// Ticks of a second of the session.
constexpr std::uint64_t At(double seconds) {
  return kOriginNs + static_cast<std::uint64_t>(seconds * 1e9);
}

class SessionBuilder {
 public:
  explicit SessionBuilder(std::string path);

  // The facts may be changed freely before Write.
  SessionFact session;
  std::vector<ProcessFact> processes;  // [0] is there from the start
  std::vector<ProcessEndFact> process_ends;
  OsSamplesFact os_samples;
  std::vector<MapsFact> maps;
  std::vector<ObjectPeriodFact> object_periods;
  std::vector<InterventionFact> interventions;
  std::optional<WindowFact> window;
  std::optional<EndFact> end;  // exit:0 at the last event by default; reset: a lost recorder

  std::uint32_t AddProcess(std::uint32_t pid, std::uint32_t parent, double started = 0);
  // The stream of one thread; made at the first call.
  StreamEncoder& Stream(std::uint32_t process, std::uint32_t thread);

  // Writes the streams, then the facts.
  Result<void> Write();
  // Writes what the streams hold by now as pieces of one block (before Write, to spread a stream
  // over several blocks).
  Result<void> WriteBlock();

 private:
  Result<void> Start();

  std::string path_;
  std::unique_ptr<SessionWriter> writer_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, StreamEncoder> streams_;
};

}  // namespace memwhy::session
