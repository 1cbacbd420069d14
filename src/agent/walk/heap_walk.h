// SPDX-License-Identifier: Apache-2.0
//
// The traversal of every object of this process: those that the collector knows, list by list, and
// behind each the untracked ones that it refers to; then the roots; then what only a search of
// memory finds. It tells a sink (heap_sink.h) what it meets. Invariant: each object once, each edge
// whole, whatever its order; an object that cannot be read is skipped, counted and named.
// Memory: 1.3 bytes per 64 bytes of object memory for the marks, and what untracked objects nest.
// Runs in a clone, in two that share the marks, or in place with the GIL held; no malloc, no lock
// of the target's. FaultGuard is installed or borrowed: a fault while an object is read skips it.
#pragma once

#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/walk/heap_sink.h"
#include "agent/walk/native_walk.h"
#include "agent/walk/torch_walk.h"
#include "agent/walk/walk_state.h"

namespace memwhy::agent {

template <typename Sink>
class HeapWalk {
 public:
  HeapWalk(WalkState& state, Sink& sink) noexcept : state_(state), sink_(sink) {}
  HeapWalk(const HeapWalk&) = delete;
  HeapWalk& operator=(const HeapWalk&) = delete;

  // Before the first step. With `native` the native blocks behind the objects are followed, too,
  // with `torch` PyTorch's C++ objects. False: no memory.
  bool Start(FreeMemory* free, NativeWalk* native, TorchWalk* torch) noexcept;
  // The steps, in this order. Of all interpreters:
  void VisitLists() noexcept;
  void VisitRoots() noexcept;
  // Objects that nothing of Python leads to, in a clone only.
  void VisitHidden(FreeMemory& free) noexcept;

  // Another process visits a half of the objects: a list ends where its part begins.
  void ShareLists() noexcept { has_other_ = true; }
  bool has_other() const { return has_other_; }
  // The dict of interned strings of the interpreter that is visited now.
  void TakeInterned(cpython::Address interpreter) noexcept;
  cpython::Address interned() const { return interned_; }

  // `object`, marked just now, and all untracked ones behind it.
  void VisitTree(cpython::Address object) noexcept;
  // A root, whose references are in the state's edges, and what hangs on it alone.
  void VisitRoot(const RootFacts& root) noexcept;
  void Skip(cpython::Address object, wire::SkipReason why) noexcept {
    sink_.OnSkipped(object, why);
  }
  // What none of the guards around single objects caught ends a part of the walk, not all of it.
  template <typename Part>
  void RunGuarded(const Part& part) noexcept {
    FaultGuard guard;
    if (MEMWHY_GUARD(guard) == 0) {
      part();
    } else {
      Skip(state_.at, wire::SkipReason::kFault);
    }
    guard.Disarm();
  }

  // Those that were met, whose frames are roots.
  const RawList<cpython::Address>& greenlets() const { return greenlets_; }
  void AddGreenlet(cpython::Address greenlet) noexcept;

  // Nothing more can be told.
  bool IsStopped() const noexcept { return state_.failed || sink_.failed(); }
  WalkState& state() { return state_; }
  Sink& sink() { return sink_; }

 private:
  // One object whose references are being followed.
  struct Level {
    cpython::Address items;  // the first reference; or where they begin in scratch_
    std::int64_t next;       // index of the next one
    std::int64_t count;
    std::uint32_t stride;  // 8, or the bytes of a dict's entry
    std::uint32_t key_at;  // in the entry
    bool is_scratch;
    std::uint32_t type;  // whose references these are
  };

  void FollowLevels() noexcept;
  void Follow(cpython::Address target) noexcept;
  void PushLevel(const Level& level) noexcept;
  void PushEdges(const DumpType& facts, cpython::Address memory) noexcept;
  void MeetTypes(const DumpType& last) noexcept;
  void VisitObject(cpython::Address object) noexcept;
  void VisitKnown(DumpType& facts, cpython::Address object) noexcept;
  void VisitDict(DumpType& facts, cpython::Address dict) noexcept;
  void VisitItems(DumpType& facts, cpython::Address object) noexcept;
  void VisitOther(DumpType& facts, cpython::Address object) noexcept;
  void VisitArrayBuffer(const DumpType& facts, cpython::Address object,
                        const ArrayBuffer& buffer) noexcept;
  void VisitStorages(const DumpType& facts, cpython::Address object) noexcept;
  void AddStorages() noexcept;
  bool IsPartOfBlock(const TensorStorage& storage) const noexcept;
  bool IsInterned(const DictTable& table) const noexcept;
  void NoteIfDoubtful(cpython::Address object) noexcept;

  WalkState& state_;
  Sink& sink_;
  NativeWalk* native_ = nullptr;
  TorchWalk* torch_ = nullptr;
  FaultGuard guard_;  // armed by VisitTree
  bool has_other_ = false;
  RawList<Level> levels_;
  RawList<cpython::Address> scratch_;
  cpython::Address start_ = 0;              // where the next tree begins
  cpython::Address interned_ = 0;           // the dict of interned strings
  RawList<cpython::Address> root_targets_;  // of the root that is visited
  RawList<cpython::Address> greenlets_;
  std::uint32_t met_types_ = 0;              // of which the sink has been told
  RawList<cpython::Address> pending_types_;  // of those, perhaps not visited as objects
};

// The main interpreter, and each(interpreter) for all whose objects are in lists of their own.
cpython::Address MainInterpreter() noexcept;
template <typename Each>
void EachInterpreter(const Each& each) noexcept {
  constexpr int kMaxInterpreters = 1024;
  const cpython::Layout& layout = TheLayout();
  int left = kMaxInterpreters;
  for (cpython::Address at =
           cpython::PeekPointer(g_agent.python.runtime, layout.runtime_interpreters);
       at != 0 && left > 0; at = cpython::PeekPointer(at, layout.interpreter_next), --left) {
    each(at);
  }
}

}  // namespace memwhy::agent
