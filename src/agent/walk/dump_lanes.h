// SPDX-License-Identifier: Apache-2.0
//
// Two clones that write one dump (decision 0016). The first is cloned from the target, the second
// from the first: it costs the target no pause, and is the target's child as well, so that nobody
// else ever gets a child of ours. They share the marks, the output and this board: whose turn it is
// to write (a lock between the two of them alone), and what the second leaves for the first when it
// ends.
//
// A process that dies holds nobody up for ever: the second's end is seen by a pipe, the first's by
// the target, which ends the second.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "agent/ground/fixed_list.h"
#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

class DumpLanes {
 public:
  enum class Role { kAlone, kFirst, kSecond };

  ~DumpLanes() { Release(); }

  // In the target, right before the first clone. False: no memory, there will be one lane.
  bool Start() noexcept;
  // Right behind it: what the target forks from now on has no copy of the board.
  void KeepFromForks() noexcept;
  bool is_started() const { return board_ != nullptr; }
  // In the target, after the first clone's end.
  std::uint32_t count() const { return board_ != nullptr && board_->second != 0 ? 2 : 1; }
  // In the target, when the first clone has ended: the second has ended, too, when it returns.
  // `is_whole`: the first has done all that it had to; else the second is ended. False: somebody
  // else had ended it by a signal.
  bool Reap(bool is_whole) noexcept;
  void Release() noexcept;

  // In the first clone, on whose way the other one begins. kAlone: no second process.
  Role Split(int output) noexcept;

  // In either. False: the other is gone while it had its turn, or nobody reads the output.
  bool TakeTurn() noexcept;
  void PassTurn() noexcept;

  // In the second.
  // False: more than there may be.
  [[nodiscard]] bool PutType(std::uintptr_t type) noexcept { return board_->types.Push(type); }
  [[nodiscard]] bool PutGreenlet(std::uintptr_t greenlet) noexcept {
    return board_->greenlets.Push(greenlet);
  }
  [[noreturn]] void End(bool is_whole, std::uint64_t objects, std::uint64_t edges,
                        std::uint64_t skipped) noexcept;

  // In the first: waits for the second's end. False: it did not get there.
  bool Join() noexcept;
  // After Join.
  std::uint64_t objects() const { return board_->objects; }
  std::uint64_t edges() const { return board_->edges; }
  std::uint64_t skipped() const { return board_->skipped; }
  using TypeList = FixedList<std::uintptr_t, std::size_t{1} << 16>;  // as many as DumpTypes has
  using GreenletList = FixedList<std::uintptr_t, std::size_t{1} << 20>;
  const TypeList& types() const { return board_->types; }
  const GreenletList& greenlets() const { return board_->greenlets; }

 private:
  // Zeroed memory.

  struct Board {
    std::atomic<std::uint32_t> turn;      // 1: somebody writes; a shared futex
    std::atomic<std::uint32_t> is_whole;  // the second has done its part
    int second;                           // its pid, 0: there is none; by the kernel
    std::uint64_t objects;
    std::uint64_t edges;
    std::uint64_t skipped;
    TypeList types;
    GreenletList greenlets;
  };

  bool HasEnded() const noexcept;  // in the first: the second

  Board* board_ = nullptr;
  int output_ = -1;
  int life_ = -1;  // of the first: hangs up when the second ends
};

}  // namespace memwhy::agent
