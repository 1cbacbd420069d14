// SPDX-License-Identifier: Apache-2.0
//
// Opens a session, replays it into the statistics and checks what the reader promises.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "fuzz_input.h"
#include "model/sites/stats.h"
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
  void OnHeld(const model::Held& held) override { OnAcquire(held.acquire); }
  void OnFolded(const model::FoldedSite& folded) override {
    Check(0, folded.process, folded.thread);
    session_.stacks().Frames(folded.stack);
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

// What is written of the facts reads as the same facts.
inline void CheckFacts(const session::Facts& facts) {
  std::vector<nlohmann::json> written;
  if (facts.session) written.push_back(ToJson(*facts.session));
  for (const auto& [index, fact] : facts.processes) written.push_back(ToJson(fact));
  for (const auto& [index, fact] : facts.process_ends) written.push_back(ToJson(fact));
  written.push_back(ToJson(session::OsSamplesFact{facts.os_samples, std::nullopt}));
  for (const session::MapsFact& fact : facts.maps) written.push_back(ToJson(fact));
  for (const session::HeapDumpFact& fact : facts.heap_dumps) written.push_back(ToJson(fact));
  if (facts.window) written.push_back(ToJson(*facts.window));
  if (facts.folded) written.push_back(ToJson(*facts.folded));
  for (const std::string& text : facts.notes) written.push_back(session::NoteToJson(text));
  if (facts.end) written.push_back(ToJson(*facts.end));
  session::Facts again;
  for (const nlohmann::json& fact : written) {
    // Names of a ring's file may be no UTF-8.
    const auto text = fact.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    MEMWHY_FUZZ_EXPECT(AddFactText(text, &again));
  }
  MEMWHY_FUZZ_EXPECT(again.session.has_value() == facts.session.has_value());
  MEMWHY_FUZZ_EXPECT(again.processes.size() == facts.processes.size());
  for (const auto& [index, fact] : facts.processes) {
    const session::ProcessFact& other = again.processes[index];
    MEMWHY_FUZZ_EXPECT(other.pid == fact.pid && other.start_ticks == fact.start_ticks);
    MEMWHY_FUZZ_EXPECT(other.clock_shift == fact.clock_shift);
    MEMWHY_FUZZ_EXPECT(other.fork_clock == fact.fork_clock);
  }
  MEMWHY_FUZZ_EXPECT(again.process_ends.size() == facts.process_ends.size());
  MEMWHY_FUZZ_EXPECT(again.os_samples.size() == facts.os_samples.size());
  MEMWHY_FUZZ_EXPECT(again.maps.size() == facts.maps.size());
  for (std::size_t i = 0; i < facts.maps.size(); ++i) {
    MEMWHY_FUZZ_EXPECT(again.maps[i].pass.mappings.size() == facts.maps[i].pass.mappings.size());
    MEMWHY_FUZZ_EXPECT(again.maps[i].pass.resident.size() == facts.maps[i].pass.resident.size());
    MEMWHY_FUZZ_EXPECT(again.maps[i].pass.arenas.size() == facts.maps[i].pass.arenas.size());
  }
  MEMWHY_FUZZ_EXPECT(again.heap_dumps.size() == facts.heap_dumps.size());
  MEMWHY_FUZZ_EXPECT(again.window.has_value() == facts.window.has_value());
  MEMWHY_FUZZ_EXPECT(again.folded.has_value() == facts.folded.has_value());
  if (facts.folded) {
    MEMWHY_FUZZ_EXPECT(again.folded->forked == facts.folded->forked);
    MEMWHY_FUZZ_EXPECT(again.folded->part.events == facts.folded->part.events);
  }
  MEMWHY_FUZZ_EXPECT(again.notes.size() == facts.notes.size());
  MEMWHY_FUZZ_EXPECT(again.end.has_value() == facts.end.has_value());
}

inline void CheckSession(const std::string& directory) {
  const auto session = session::Session::Open(directory);
  if (!session) {
    MEMWHY_FUZZ_EXPECT(!session.error().message().empty());
    return;
  }
  CheckFacts((*session)->facts());
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
