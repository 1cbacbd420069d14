// SPDX-License-Identifier: Apache-2.0
//
// The environment that a program is executed with, for us. A program that cannot take the agent
// (another libc, 32-bit, a sanitizer, a root folder without it) gets LD_PRELOAD without our entry,
// so that its loader has nothing to complain of. A program that can take it and would lose it (an
// empty environment, an LD_PRELOAD of its own) gets ours back, unless MEMWHY_DISABLE=1 stands
// there; its agent hides what was added (given_variables.h). All else is as the caller gave it.
//
// In two steps, since the memory is the caller's stack: Plan looks, Fill writes.
// Context: any, also a vfork'ed child and signal handlers.  Allocates: never.
#pragma once

#include <cstddef>
#include <optional>

#include "program/program_file.h"
#include "wire/tally.h"

namespace memwhy::agent {

class ExecEnvironment {
 public:
  // `given`: null counts as empty, as the kernel has it.
  ExecEnvironment(const program::ProgramFile& program, char* const* given) noexcept;

  bool is_as_given() const noexcept { return !drops_ && !adds_; }
  // Ours are added: the kernel may find that too much.
  bool adds() const noexcept { return adds_; }
  // A CPython that will not be recorded, and why.
  std::optional<wire::Unseen> unseen() const noexcept { return unseen_; }

  // What Fill needs. Only where not is_as_given().
  std::size_t words() const noexcept { return count_ + kVariables + 4; }
  std::size_t text_bytes() const noexcept;
  char* const* Fill(char** words, char* text) const noexcept;

 private:
  static constexpr std::size_t kVariables = 8;  // no fewer than there are

  void Decide(const program::ProgramFile& program) noexcept;
  void FillPreload(char* text) const noexcept;

  char* const* given_;
  std::size_t count_ = 0;
  const char* preload_ = nullptr;  // the given value, or null
  const char* entry_ = nullptr;    // our entry in it, or null
  const char* entry_end_ = nullptr;
  bool is_first_ = false;  // our entry stands before all others
  bool has_sanitizer_ = false;
  bool is_disabled_ = false;
  bool has_other_session_ = false;
  unsigned missing_ = 0;  // bits by Variable
  bool drops_ = false;    // our entry goes out
  bool adds_ = false;     // our entry goes in front, and what is missing is added
  std::optional<wire::Unseen> unseen_;
};

}  // namespace memwhy::agent
