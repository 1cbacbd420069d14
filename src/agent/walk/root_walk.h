// SPDX-License-Identifier: Apache-2.0
//
// The roots of the heap, typed and named: what the interpreter, its modules, threads and running
// frames refer to without being objects themselves. Part of HeapWalk; same conditions.
#pragma once

#include "agent/walk/heap_walk.h"
#include "cpython/frames.h"

namespace memwhy::agent {

template <typename Sink>
class RootWalk {
 public:
  explicit RootWalk(HeapWalk<Sink>& walk) noexcept : walk_(walk), state_(walk.state()) {}
  // Of one interpreter.
  void Visit(cpython::Address interpreter) noexcept;
  // The frames of a greenlet that waits: nothing but its stack has them.
  void VisitGreenlet(cpython::Address greenlet) noexcept;

 private:
  template <typename Each>
  void EachEntry(cpython::Address dict, const Each& each) noexcept;
  void VisitModules(cpython::Address modules) noexcept;
  void VisitSubclasses(cpython::Address interpreter) noexcept;
  void VisitInterned(cpython::Address dict) noexcept;
  void VisitExitCallbacks(cpython::Address interpreter) noexcept;
  void VisitThread(cpython::Address thread) noexcept;
  // From `frame` outwards. `thread`: 0, a greenlet's.
  template <cpython::Family family>
  void VisitFrames(cpython::Address frame, std::uint64_t thread) noexcept;
  void NameThread(cpython::Address outermost, cpython::Address code, std::uint64_t thread) noexcept;
  void ReadFrame(cpython::Address frame, cpython::Address code) noexcept;
  void ReadStack(cpython::Address frame, cpython::Address code) noexcept;
  void AddReferences(const cpython::Reference* list, cpython::Address base) noexcept;

  HeapWalk<Sink>& walk_;
  WalkState& state_;
};

}  // namespace memwhy::agent
