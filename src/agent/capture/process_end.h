// SPDX-License-Identifier: Apache-2.0
//
// Notes in the ring when and how the process leaves its program: by exit, or by executing another
// one. The recorder learns of an end only later, and of one that was waited for maybe never how;
// the sum over processes needs the instant. Invariant: only the process that owns the ring writes
// into it (a vfork'ed child shares its parent's memory).
#pragma once

#include <cstdint>

#include "wire/ring.h"

namespace memwhy::agent {

// Called once by Start. False: ends are not noted.
bool InstallExitNote() noexcept;

// Around an exec. It is noted before, and taken back when the call returns.
// Context: also a vfork'ed child and signal handlers.  Allocates: never.
class ExecNote {
 public:
  ExecNote() noexcept;
  ~ExecNote();
  ExecNote(const ExecNote&) = delete;
  ExecNote& operator=(const ExecNote&) = delete;

 private:
  wire::RingHeader* ring_;
};

// This process executed this program, and an image before it left a ring in that folder: that is
// over. Context: the constructor.  Allocates: never.
void EndEarlierImages(const char* rings, std::uint64_t start_ticks) noexcept;

// The file of this process's ring; `image` counts the programs that it executed.
void WriteRingPath(char* out, std::size_t room, const char* rings, std::uint64_t start_ticks,
                   std::uint64_t image) noexcept;

}  // namespace memwhy::agent
