// SPDX-License-Identifier: Apache-2.0
#include "model/sites/process_source.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace memwhy::model {
namespace {

// Lets through what belongs to the first process of `line`; the others are its ancestors. At each
// time one of them speaks: the youngest that was forked or, in a program of its own, has begun.
class LineFilter : public EventVisitor {
 public:
  LineFilter(EventVisitor& visitor, const std::vector<ProcessId>& line, std::size_t processes)
      : visitor_(visitor), line_(line), places_(processes, kOutside), speaks_(line.size() - 1) {
    for (std::size_t i = 0; i < line_.size(); ++i) {
      if (line_[i].value < processes) places_[line_[i].value] = i;
    }
  }

  // Of the folded part: the held blocks of one process are its own, inherited ones too.
  void OnHeld(const Held& held) override {
    if (PlaceOf(held.acquire.process) <= speaks_) visitor_.OnHeld(held);
  }
  void OnFolded(const FoldedSite& site) override {
    if (PlaceOf(site.process) == 0) visitor_.OnFolded(site);
  }
  void OnAcquire(const Acquire& event) override {
    if (IsOfLine(event.process, event.time)) visitor_.OnAcquire(event);
  }
  void OnRelease(double time, ProcessId process, ThreadId thread, std::uint64_t address) override {
    if (IsOfLine(process, time)) visitor_.OnRelease(time, process, thread, address);
  }
  void OnUnmap(double time, ProcessId process, ThreadId thread, std::uint64_t address,
               std::uint64_t size) override {
    if (IsOfLine(process, time)) visitor_.OnUnmap(time, process, thread, address, size);
  }
  void OnReallocBegin(double time, ProcessId process, ThreadId thread,
                      std::uint64_t address) override {
    if (IsOfLine(process, time)) visitor_.OnReallocBegin(time, process, thread, address);
  }
  void OnRemapBegin(double time, ProcessId process, ThreadId thread, std::uint64_t address,
                    std::uint64_t size) override {
    if (IsOfLine(process, time)) visitor_.OnRemapBegin(time, process, thread, address, size);
  }
  void OnObjectAcquire(const Acquire& event) override {
    if (IsOfLine(event.process, event.time)) visitor_.OnObjectAcquire(event);
  }
  void OnObjectRelease(double time, ProcessId process, ThreadId thread,
                       std::uint64_t address) override {
    if (IsOfLine(process, time)) visitor_.OnObjectRelease(time, process, thread, address);
  }
  void OnFork(double time, ProcessId parent, ProcessId child) override {
    const std::size_t place = PlaceOf(child);
    if (place == kOutside || PlaceOf(parent) != place + 1 || place >= speaks_) return;
    if (speaks_ > place + 1) Hush(time, place + 1);
    visitor_.OnFork(time, parent, child);
    Hush(time, place);
  }
  void OnMark(double time, ProcessId process, std::string_view name, std::uint64_t count) override {
    if (PlaceOf(process) == 0) visitor_.OnMark(time, process, name, count);
  }

 private:
  static constexpr std::size_t kOutside = SIZE_MAX;

  std::size_t PlaceOf(ProcessId process) const {
    return process.value < places_.size() ? places_[process.value] : kOutside;
  }
  // From here on `place` speaks; its parent's memory is not its own.
  void Hush(double time, std::size_t place) {
    visitor_.OnProcessEnd(time, line_[speaks_]);
    speaks_ = place;
  }
  bool IsOfLine(ProcessId process, double time) {
    const std::size_t place = PlaceOf(process);
    if (place == kOutside || place > speaks_) return false;
    if (place < speaks_) Hush(time, place);  // it began without a fork
    return true;
  }

  EventVisitor& visitor_;
  const std::vector<ProcessId>& line_;
  std::vector<std::size_t> places_;  // in the line, by process
  std::size_t speaks_;               // a place
};

template <typename T>
void KeepOf(ProcessId process, std::vector<T>& all) {
  std::erase_if(all, [&](const T& one) { return one.process != process; });
}

}  // namespace

std::vector<ProcessId> LineOf(const Recording& recording, ProcessId process) {
  std::vector<ProcessId> line{process};
  const auto& processes = recording.processes;
  while (line.back().value < processes.size() && line.size() <= processes.size()) {
    const Process& child = processes[line.back().value];
    if (!child.parent) break;
    std::optional<std::uint32_t> parent;
    for (std::uint32_t i = 0; i < processes.size(); ++i) {
      const bool is_in_line = std::find(line.begin(), line.end(), ProcessId{i}) != line.end();
      if (is_in_line || processes[i].pid != *child.parent) continue;
      if (processes[i].started > child.started) continue;
      // A number may be used twice; the parent is the one that began last.
      if (!parent || processes[i].started >= processes[*parent].started) parent = i;
    }
    if (!parent) break;
    line.push_back(ProcessId{*parent});
  }
  return line;
}

ProcessSource::ProcessSource(const EventSource& source, ProcessId process)
    : source_(source), process_(process), recording_(source.recording()) {
  recording_.subject = process;
  KeepOf(process, recording_.os_samples);
  KeepOf(process, recording_.maps);
  KeepOf(process, recording_.marks);
  KeepOf(process, recording_.object_periods);
  KeepOf(process, recording_.interventions);
  const std::vector<ProcessId> dumps = std::move(recording_.heap_dump_processes);
  const auto paths = std::move(recording_.heap_dumps);
  const auto times = std::move(recording_.heap_dump_times);
  const auto pauses = std::move(recording_.heap_dump_pause_ms);
  recording_.heap_dump_processes = {};
  recording_.heap_dumps = {};
  recording_.heap_dump_times = {};
  recording_.heap_dump_pause_ms = {};
  for (std::size_t i = 0; i < dumps.size(); ++i) {
    if (dumps[i] != process) continue;
    recording_.heap_dump_processes.push_back(process);
    recording_.heap_dumps.push_back(paths[i]);
    recording_.heap_dump_times.push_back(times[i]);
    recording_.heap_dump_pause_ms.push_back(pauses[i]);
  }
  if (process.value >= recording_.processes.size()) return;
  const Process& one = recording_.processes[process.value];
  recording_.watched_from = std::max(recording_.watched_from, one.started);
  if (one.ended_at) {
    recording_.watched_to =
        std::min(recording_.watched_to.value_or(recording_.seconds), *one.ended_at);
  }
}

Result<void> ProcessSource::Replay(EventVisitor& visitor) const {
  const std::vector<ProcessId> line = LineOf(source_.recording(), process_);
  LineFilter filter(visitor, line, source_.recording().processes.size());
  return source_.ReplayOf(process_, filter);
}

}  // namespace memwhy::model
