// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/clone_cost.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t kMiBs = 32;
constexpr std::size_t kCloneCostBytes = kMiBs << 20;
constexpr int kRounds = 5;

// Nanoseconds of one clone as the parent sees it; 0: refused.
std::uint64_t CloneOnce() {
  const std::uint64_t began = wire::MonotonicNs();
  const long pid = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0);
  if (pid == 0) syscall(SYS_exit_group, 0);
  const std::uint64_t took = wire::MonotonicNs() - began;
  if (pid < 0) return 0;
  while (syscall(SYS_wait4, pid, nullptr, __WALL, nullptr) < 0 && errno == EINTR) {
  }
  return took;
}

// A clone makes each page read-only that was written since the one before, which is half of its
// cost: the pages of a service are such. One system call does that in a third of the time; Linux
// has it from 5.14 on.
void WriteAll(volatile char* memory) {
  if (memory == nullptr) return;
  if (madvise(const_cast<char*>(memory), kCloneCostBytes, MADV_POPULATE_WRITE) == 0) return;
  for (std::size_t i = 0; i < kCloneCostBytes; i += 4096) memory[i] = 1;
}

// The middle one of some clones, each with the pages of `memory` written.
std::uint64_t Middle(volatile char* memory) {
  std::uint64_t times[kRounds];
  for (std::uint64_t& time : times) {
    WriteAll(memory);
    time = CloneOnce();
  }
  std::sort(std::begin(times), std::end(times));
  return times[kRounds / 2];
}

}  // namespace

std::uint64_t MeasureCloneCost() {
  const std::uint64_t bare = Middle(nullptr);
  void* memory =
      mmap(nullptr, kCloneCostBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bare == 0 || memory == MAP_FAILED) return 0;
  madvise(memory, kCloneCostBytes, MADV_NOHUGEPAGE);
  const std::uint64_t full = Middle(static_cast<volatile char*>(memory));
  munmap(memory, kCloneCostBytes);
  return full > bare ? (full - bare) / kMiBs : 0;
}

}  // namespace memwhy::recorder
