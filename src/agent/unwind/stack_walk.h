// SPDX-License-Identifier: Apache-2.0
//
// The calling thread's C frames, from the outermost one on. Invariant: a frame stands there only if
// the tables of its file said so in this walk, or if nothing that they said it depends on has
// changed since: its caller's return address and rbp are compared where they lie in each walk.
// Rules are kept by pc, per thread. Frames are never guessed: how a walk ended is told.
// Context: the owning thread, inside malloc.  Allocates: never by malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/unwind/frame_rule.h"
#include "agent/unwind/stack_memory.h"

namespace memwhy::agent {

struct Registers {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t rbp;
};

// What is known of a pc.
struct KnownPc {
  std::uintptr_t pc;  // 0: empty
  std::uintptr_t function;
  FrameRule rule;
  // Of whom the walk is for; 0 in both: not known yet.
  std::uint32_t code;
  std::uint32_t offset;
};

struct WalkedFrame {
  std::uintptr_t pc;   // as looked up: return addresses less one
  std::uintptr_t sp;   // the frame is [sp, cfa)
  std::uintptr_t rbp;  // while it runs
  std::uintptr_t cfa;
  std::uintptr_t rbp_at;  // where the caller's rbp lies, 0: in the register
  std::uintptr_t function;
  FrameRule rule;
  bool is_exact;  // pc is that of an interrupted instruction
  // Of whom the walk is for: nothing here reads them.
  bool is_entry;
  std::uint32_t python_end;
  std::uint32_t python_node;
  std::uint32_t node;
};

class StackWalk {
 public:
  static constexpr std::size_t kMaxFrames = 8192;

  // Walks from `start`, a frame that is about to go on at start.pc. Without `may_ask` no system
  // call is made. False: no memory, or too many frames.
  bool Walk(const Registers& start, bool may_ask) noexcept;

  // Outermost first. The first `known` of them are what they were in the walk before.
  WalkedFrame* frames() const noexcept { return frames_; }
  std::size_t depth() const noexcept { return depth_; }
  std::size_t known() const noexcept { return known_; }
  // Whether the first frame is the outermost one of the thread.
  bool is_whole() const noexcept {
    return depth_ != 0 && frames_[0].rule.base == FrameRule::Base::kEnd;
  }

  KnownPc& Know(std::uintptr_t pc) noexcept;
  // Rules and frames: libraries have gone, or the stream is another.
  void Forget() noexcept;
  std::uint32_t epoch() const noexcept { return epoch_; }
  // Forgets, and counts from here.
  void BeginEpoch(std::uint32_t epoch) noexcept {
    Forget();
    epoch_ = epoch;
  }

 private:
  bool Room(std::size_t count) noexcept;
  bool GrowPcs() noexcept;
  bool Fill(WalkedFrame* frame, const Registers& at, bool is_exact) noexcept;
  bool Caller(const WalkedFrame& frame, Registers* caller, bool* is_exact) noexcept;
  bool IsCallerOf(const WalkedFrame& frame, const WalkedFrame& caller) noexcept;

  WalkedFrame* frames_ = nullptr;
  WalkedFrame* scratch_ = nullptr;  // new ones of a walk, innermost first
  std::size_t capacity_ = 0;        // of both
  std::size_t depth_ = 0;
  std::size_t known_ = 0;
  KnownPc* pcs_ = nullptr;
  std::size_t pc_capacity_ = 0;  // power of two
  std::size_t misses_ = 0;       // since it grew
  std::uint32_t epoch_ = 0;
  StackMemory memory_;
};

}  // namespace memwhy::agent
