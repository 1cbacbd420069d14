// SPDX-License-Identifier: Apache-2.0
//
// What a recording knows that it does not see: processes of the tree that could not be recorded, as
// the processes around them noticed. One small file in memory, made by the recorder and mapped by
// every process that has the agent in it, also one that records nothing; a forked child keeps the
// mapping after it has changed its user, its root folder or its namespaces.
//
// Life of a slot: kFree -> kWriting (compare-and-swap by who notes) -> kNoted -> kFree (by the
// recorder, who copied it). Trust: any of these processes may scribble on it.
#pragma once

#include <atomic>
#include <cstdint>

namespace memwhy::wire {

inline constexpr char kTallyMagic[8] = {'M', 'W', 'Y', 'T', 'A', 'L', 'L', '1'};

enum class Unseen : std::uint32_t {
  kOtherLibc = 1,   // the program's loader is not glibc's
  kOtherMachine,    // 32-bit, or of another processor
  kSanitizer,       // a sanitizer must be loaded first
  kNoAgentFile,     // the agent's file does not exist in its root folder
  kMoreRights,      // setuid, setgid: the loader preloads nothing
  kNoAccess,        // it cannot write into the session's folder
  kNoRing,          // its ring could not be made
  kAllocatorFirst,  // another malloc comes before the agent's
  kNoMemory,        // none for the agent's own tables
  kFreeThreaded,    // the interpreter has no GIL
  kFiltered,        // forked behind a filter on system calls, under which nothing can be opened
  kFileLimit,       // its limit on the size of files is smaller than a ring
};
inline constexpr std::uint32_t kMaxUnseen = static_cast<std::uint32_t>(Unseen::kFileLimit);

enum class TallyState : std::uint32_t { kFree = 0, kWriting = 1, kNoted = 2 };

struct TallySlot {
  std::atomic<std::uint32_t> state;  // TallyState
  std::uint32_t pid;                 // in its own PID namespace
  std::uint32_t why;                 // Unseen
  char program[52];                  // base name of the file, NUL-terminated
};
static_assert(sizeof(TallySlot) == 64);

inline constexpr std::uint32_t kTallySlots = 1023;

struct TallyFile {
  char magic[8];
  std::atomic<std::uint64_t> untold;  // noted when every slot was taken
  std::uint8_t reserved[48];
  TallySlot slots[kTallySlots];
};
static_assert(sizeof(TallyFile) == 64 * 1024);

}  // namespace memwhy::wire
