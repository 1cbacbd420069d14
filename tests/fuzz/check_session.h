// SPDX-License-Identifier: Apache-2.0
//
// Opens a session, replays it into the statistics and checks what the reader promises.
#pragma once

#include <string>

#include "fuzz_input.h"
#include "model/stats.h"
#include "session/reader.h"

namespace memwhy::fuzz {

// Every id that an event carries is one of the recording.
class IdChecker : public model::EventVisitor {
 public:
  explicit IdChecker(const session::Session& session) : session_(session) {}
  void OnAcquire(const model::Acquire& event) override {
    Check(event.time, event.process, event.thread);
    MEMWHY_FUZZ_EXPECT(event.stack.value < session_.stacks().size());
    // Walks to the root: parents lead there.
    session_.stacks().Frames(event.stack);
  }
  void OnRelease(double time, model::ProcessId process, model::ThreadId thread,
                 std::uint64_t) override {
    Check(time, process, thread);
  }
  void OnUnmap(double time, model::ProcessId process, model::ThreadId thread, std::uint64_t,
               std::uint64_t) override {
    Check(time, process, thread);
  }
  void OnFork(double, model::ProcessId parent, model::ProcessId child) override {
    MEMWHY_FUZZ_EXPECT(parent.value < session_.recording().processes.size());
    MEMWHY_FUZZ_EXPECT(child.value < session_.recording().processes.size());
  }
  void OnProcessEnd(double, model::ProcessId process) override {
    MEMWHY_FUZZ_EXPECT(process.value < session_.recording().processes.size());
  }

 private:
  void Check(double time, model::ProcessId process, model::ThreadId thread) const {
    MEMWHY_FUZZ_EXPECT(time >= 0);
    MEMWHY_FUZZ_EXPECT(process.value < session_.recording().processes.size());
    MEMWHY_FUZZ_EXPECT(thread.value < session_.recording().threads.size());
  }
  const session::Session& session_;
};

inline void CheckSession(const std::string& directory) {
  const auto session = session::Session::Open(directory);
  if (!session) {
    MEMWHY_FUZZ_EXPECT(!session.error().message().empty());
    return;
  }
  IdChecker checker(**session);
  // The file does not change: what the first pass accepted must replay to its end.
  MEMWHY_FUZZ_EXPECT((*session)->Replay(checker));
  const auto stats = model::ComputeStats(**session, {});
  MEMWHY_FUZZ_EXPECT(stats);
  // The total is the sum of its rows.
  model::Amount live;
  for (const model::SiteStats& site : stats->sites) live += site.live;
  MEMWHY_FUZZ_EXPECT(live == stats->live);
  const double half = (*session)->recording().seconds / 2;
  MEMWHY_FUZZ_EXPECT(model::ComputeStats(**session, {half / 2, half}));
}

}  // namespace memwhy::fuzz
