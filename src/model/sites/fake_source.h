// SPDX-License-Identifier: Apache-2.0
//
// An EventSource made by hand, for tests: a Recording that may be filled freely and a list of
// events, replayed in the order in which they were added. Header-only, used by tests alone.
//
//   FakeSource source;                                  // process 0 (pid 100), thread 0 (tid 100)
//   auto stack = source.Stack({"put", "handle"});       // leaf first, module "app"
//   source.Malloc(1.0, 0x1000, 64, stack);
//   source.Free(2.0, 0x1000);
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/sites/event_source.h"

namespace memwhy::model {

class FakeSource : public EventSource {
 public:
  FakeSource() {
    recording_.command = "python app.py";
    recording_.mode = "launch";
    recording_.seconds = 60;
    recording_.started = "2026-01-02T03:04:05Z";
    recording_.ended = "exit:0";
    AddProcess(100);
    AddThread(ProcessId{0}, 100, "MainThread");
  }

  ProcessId AddProcess(std::uint32_t pid, std::optional<std::uint32_t> parent = std::nullopt) {
    Process process;
    process.pid = pid;
    process.parent = parent;
    process.python = "3.11.2";
    process.ended = "exit:0";
    process.arena_bytes = 1 << 20;
    process.pool_bytes = 16 << 10;
    recording_.processes.push_back(std::move(process));
    return ProcessId{static_cast<std::uint32_t>(recording_.processes.size() - 1)};
  }

  ThreadId AddThread(ProcessId process, std::uint32_t tid, std::string name) {
    Thread thread;
    thread.process = process;
    thread.tid = tid;
    thread.name = std::move(name);
    recording_.threads.push_back(std::move(thread));
    return ThreadId{static_cast<std::uint32_t>(recording_.threads.size() - 1)};
  }

  // Functions leaf first, each in app.py of module app, lines 10, 20, .. from the leaf on.
  StackId Stack(std::initializer_list<const char*> functions, StackId root = kNoPython) {
    std::vector<Frame> frames;
    int line = 0;
    for (const char* function : functions) {
      line += 10;
      frames.push_back(Frame{function, "app", "/srv/app.py", line, Language::kPython});
    }
    return Stack(frames, root);
  }

  // Frames leaf first.
  StackId Stack(const std::vector<Frame>& frames, StackId root = kNoPython) {
    StackId stack = root;
    for (auto it = frames.rbegin(); it != frames.rend(); ++it) {
      stack = stacks_.InternStack(stack, stacks_.InternFrame(*it));
    }
    return stack;
  }

  // Later events belong to this thread and its process.
  FakeSource& As(ThreadId thread) {
    thread_ = thread;
    return *this;
  }

  void Allocate(double time, wire::Allocator allocator, std::uint64_t address, std::uint64_t size,
                StackId stack, bool is_mapping = false) {
    const Acquire event{time, process(), thread_, allocator, address, size, stack, is_mapping};
    Add([event](EventVisitor& visitor) { visitor.OnAcquire(event); });
  }
  void Malloc(double time, std::uint64_t address, std::uint64_t size, StackId stack = kNoPython) {
    Allocate(time, wire::Allocator::kMalloc, address, size, stack);
  }
  void Map(double time, std::uint64_t address, std::uint64_t size, StackId stack = kNoPython) {
    Allocate(time, wire::Allocator::kMmap, address, size, stack, /*is_mapping=*/true);
  }
  void Arena(double time, std::uint64_t address, std::uint64_t size, StackId stack = kNoPython) {
    Allocate(time, wire::Allocator::kPymallocArena, address, size, stack);
  }
  void Free(double time, std::uint64_t address) {
    Add([=, by = thread_, at = process()](EventVisitor& visitor) {
      visitor.OnRelease(time, at, by, address);
    });
  }
  // Of an object period.
  void Object(double time, std::uint64_t address, std::uint64_t size, StackId stack = kNoPython) {
    const Acquire event{time,    process(), thread_, wire::Allocator::kPymemObj,
                        address, size,      stack,   false};
    Add([event](EventVisitor& visitor) { visitor.OnObjectAcquire(event); });
  }
  void FreeObject(double time, std::uint64_t address) {
    Add([=, by = thread_, at = process()](EventVisitor& visitor) {
      visitor.OnObjectRelease(time, at, by, address);
    });
  }
  // As a reader sends it: a release before the call, an allocation after it.
  void Realloc(double before, std::uint64_t old_address, double after, std::uint64_t address,
               std::uint64_t size, StackId stack = kNoPython) {
    BeginRealloc(before, old_address);
    Allocate(after, wire::Allocator::kRealloc, address, size, stack);
  }
  void BeginRealloc(double time, std::uint64_t address) {
    Add([=, by = thread_, at = process()](EventVisitor& visitor) {
      visitor.OnReallocBegin(time, at, by, address);
    });
  }
  void Unmap(double time, std::uint64_t address, std::uint64_t size) {
    Add([=, by = thread_, at = process()](EventVisitor& visitor) {
      visitor.OnUnmap(time, at, by, address, size);
    });
  }
  void Fork(double time, ProcessId child) {
    Add([=, parent = process()](EventVisitor& visitor) { visitor.OnFork(time, parent, child); });
  }
  void End(double time, ProcessId which) {
    recording_.processes[which.value].ended_at = time;
    Add([=](EventVisitor& visitor) { visitor.OnProcessEnd(time, which); });
  }
  void MarkOperation(double time, std::string name, std::uint64_t count = 1) {
    recording_.marks.push_back(Mark{time, process(), name, count});
    Add([=, at = process()](EventVisitor& visitor) { visitor.OnMark(time, at, name, count); });
  }

  Recording& mutable_recording() { return recording_; }
  StackTree& mutable_stacks() { return stacks_; }

  const Recording& recording() const override { return recording_; }
  const StackTree& stacks() const override { return stacks_; }
  Result<void> Replay(EventVisitor& visitor) const override {
    for (const auto& event : events_) event(visitor);
    return {};
  }

 private:
  ProcessId process() const { return recording_.threads[thread_.value].process; }
  void Add(std::function<void(EventVisitor&)> event) { events_.push_back(std::move(event)); }

  Recording recording_;
  StackTree stacks_;
  ThreadId thread_{0};
  std::vector<std::function<void(EventVisitor&)>> events_;
};

}  // namespace memwhy::model
