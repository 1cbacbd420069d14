// SPDX-License-Identifier: Apache-2.0
//
// The roots of a heap dump, typed and named: what the interpreter, its modules, threads and running
// frames refer to without being objects themselves. Part of DumpWalk; same conditions.
#pragma once

#include "agent/walk/dump_walk.h"
#include "cpython/frames.h"

namespace memwhy::agent {

class DumpRoots {
 public:
  explicit DumpRoots(DumpWalk& walk) noexcept : walk_(walk) {}
  // Of one interpreter.
  void Write(cpython::Address interpreter) noexcept;
  // The frames of a greenlet that waits: nothing but its stack has them.
  void WriteGreenlet(cpython::Address greenlet) noexcept;

 private:
  template <typename Each>
  void EachEntry(cpython::Address dict, const Each& each) noexcept;
  void WriteModules(cpython::Address modules) noexcept;
  void WriteSubclasses(cpython::Address interpreter) noexcept;
  void WriteInterned(cpython::Address dict) noexcept;
  void WriteExitCallbacks(cpython::Address interpreter) noexcept;
  void WriteThread(cpython::Address thread) noexcept;
  // From `frame` outwards. `thread`: 0, a greenlet's.
  template <cpython::Family family>
  void WriteFrames(cpython::Address frame, std::uint64_t thread) noexcept;
  void NameThread(cpython::Address outermost, cpython::Address code, std::uint64_t thread) noexcept;
  void ReadFrame(cpython::Address frame, cpython::Address code) noexcept;
  void ReadStack(cpython::Address frame, cpython::Address code) noexcept;
  void AddReferences(const cpython::Reference* list, cpython::Address base) noexcept;

  DumpWalk& walk_;
};

}  // namespace memwhy::agent
