// SPDX-License-Identifier: Apache-2.0
//
// A program may put a filter on its system calls (seccomp) that ends it at any call it does not
// make itself. From the moment when it is about to do so, the agent makes no system call in it, nor
// in the children that it forks: it waits for nobody, wakes nobody, serves no request. What it
// needs is opened before. A program that gives up the clock as well (SECCOMP_MODE_STRICT,
// PR_SET_TSC) is recorded no more.
//
// Seen are prctl and syscall, as called by the program's libraries, and as looked up by name
// (ctypes). A filter set by a system call instruction of the program's own is not.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "wire/ring_extra.h"

namespace memwhy::agent {

extern std::atomic<bool> g_is_sandboxed;

// Whether the agent must not make any system call in this process.
inline bool IsSandboxed() noexcept {
  // Relaxed: a thread that has not seen it yet is none to which the filter applies.
  return __builtin_expect(g_is_sandboxed.load(std::memory_order_relaxed), false);
}

// This process's id, the calling thread's; without a system call where there must be none.
pid_t OwnPid() noexcept;
std::uint32_t OwnTid() noexcept;

// Around the call that puts up the filter: all is made ready before it, and taken back when it has
// failed. Context: any thread.  Allocates: never.  Blocks: while a heap dump is under way.
class SandboxEntry {
 public:
  explicit SandboxEntry(wire::Sandbox kind) noexcept;
  void Finish(bool has_failed) noexcept;

 private:
  bool is_ours_ = false;    // this process records
  bool was_ended_ = false;  // it recorded until now
  bool was_sandboxed_ = false;
  std::uint32_t before_ = 0;
};

}  // namespace memwhy::agent
