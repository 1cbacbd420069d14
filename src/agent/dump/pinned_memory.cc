// SPDX-License-Identifier: Apache-2.0
#include "agent/dump/pinned_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/ground/agent.h"
#include "agent/ground/fork_gate.h"
#include "agent/ground/page_entry.h"
#include "agent/ground/private_memory.h"

namespace memwhy::agent {
namespace {

using PinnedMemoryAddress = std::uintptr_t;

constexpr PinnedMemoryAddress kPinnedMemoryLeastBytes =
    1u << 20;                                          // less is cloned as quickly as it is spared
constexpr PinnedMemoryAddress kProbeStep = 16u << 20;  // one page for each so many bytes, at least
constexpr std::size_t kMaxProbes = 2048;               // beside two for each range

struct Probe {
  PinnedMemoryAddress page;
  std::size_t range;
};

// The agent's memory: the clone's stack is there.
bool HoldsOurData(const Mapping& mapping) noexcept {
  const auto data = reinterpret_cast<PinnedMemoryAddress>(&g_agent);
  return (mapping.begin < g_private.begin + g_private.bytes && g_private.begin < mapping.end) ||
         (mapping.begin <= data && data < mapping.end);
}

void Advise(PinnedMemoryAddress begin, PinnedMemoryAddress end, int advice) noexcept {
  if (begin < end) syscall(SYS_madvise, begin, end - begin, advice);
}

// What the clone that looks can do without: all large memory but the probes and our own.
void AdviseAll(const MemoryMap& map, const PointerFreeMemory& data, const RawList<Probe>& probes,
               int advice) noexcept {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < map.count(); ++i) {
    const Mapping& mapping = map.at(i);
    while (plain < data.count() && data.at(plain).end <= mapping.begin) ++plain;
    const bool is_plain = plain < data.count() && data.at(plain).begin < mapping.end;
    if (is_plain || mapping.is_shared || !mapping.is_writable || mapping.is_file ||
        mapping.is_stack || mapping.end - mapping.begin < kPinnedMemoryLeastBytes ||
        HoldsOurData(mapping) || data.IsKeptBack(mapping.begin, mapping.end)) {
      continue;
    }
    Advise(mapping.begin, mapping.end, advice);
  }
  std::size_t next = 0;
  for (std::size_t i = 0; i < data.count(); ++i) {
    PinnedMemoryAddress from = data.at(i).begin;
    for (; next < probes.count() && probes[next].range == i; ++next) {
      Advise(from, probes[next].page, advice);
      from = probes[next].page + kPageBytes;
    }
    Advise(from, data.at(i).end, advice);
  }
}

// First and last page of each range, and some between. False: no memory.
bool ChooseProbes(const PointerFreeMemory& data, RawList<Probe>& probes) noexcept {
  PinnedMemoryAddress all = 0;
  for (std::size_t i = 0; i < data.count(); ++i) all += data.at(i).end - data.at(i).begin;
  const PinnedMemoryAddress step = std::max(kProbeStep, all / kMaxProbes / kPageBytes * kPageBytes);
  bool has_memory = true;
  for (std::size_t i = 0; i < data.count(); ++i) {
    const PlainRange& range = data.at(i);
    const auto add = [&](PinnedMemoryAddress page) {
      if (data.IsPresent(page)) has_memory = has_memory && probes.Push({page, i});
    };
    for (PinnedMemoryAddress page = range.begin; page + kPageBytes < range.end; page += step)
      add(page);
    add(range.end - kPageBytes);
  }
  return has_memory;
}

// The life of the clone that looks: which pages have we alone? By system calls only.
[[noreturn]] void LookAtProbes(const RawList<Probe>& probes,
                               volatile std::uint8_t* is_pinned) noexcept {
  syscall(SYS_close_range, 0, ~0u, 0);
  const long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/pagemap", O_RDONLY, 0);
  for (const Probe& probe : probes) {
    std::uint64_t entry = 0;
    const long n =
        syscall(SYS_pread64, fd, &entry, sizeof(entry), probe.page / kPageBytes * sizeof(entry));
    if (n != sizeof(entry)) continue;
    if ((entry & kPageIsPresent) != 0 && (entry & kPageIsOurs) != 0) is_pinned[probe.range] = 1;
  }
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

}  // namespace

void PinnedMemory::Find() noexcept {
  if (!map_.Load()) return;
  data_.Find(map_);
  if (data_.count() == 0) return;
  RawList<Probe> probes;
  const bool has_probes = ChooseProbes(data_, probes);
  const std::size_t found = data_.count();
  const long shared =
      syscall(SYS_mmap, nullptr, found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!has_probes || shared == -1) {
    if (shared != -1) syscall(SYS_munmap, shared, found);
    data_.Filter([](const PlainRange&) { return false; });
    return;
  }
  auto* is_pinned = reinterpret_cast<volatile std::uint8_t*>(shared);
  CloseForkGate();
  AdviseAll(map_, data_, probes, MADV_DONTFORK);
  const long pid = syscall(SYS_clone, 0, nullptr, nullptr, nullptr, 0);
  if (pid == 0) LookAtProbes(probes, is_pinned);
  AdviseAll(map_, data_, probes, MADV_DOFORK);
  OpenForkGate();
  int status = 0;
  while (pid > 0 && syscall(SYS_wait4, pid, &status, __WALL, nullptr) < 0 && errno == EINTR) {
  }
  std::size_t index = 0;
  // Without an answer rather too many.
  const bool is_answered = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  data_.Filter([&](const PlainRange&) { return is_pinned[index++] != 0 || !is_answered; });
  for (std::size_t i = 0; i < data_.count(); ++i) {
    present_bytes_ += data_.at(i).present_bytes;
    huge_bytes_ += data_.at(i).huge_bytes;
  }
  syscall(SYS_munmap, shared, found);
}

void PinnedMemory::Spare() noexcept {
  ranges_.Clear();
  if (data_.count() == 0) return;
  CloseForkGate();
  for (std::size_t i = 0; i < data_.count(); ++i) {
    const PlainRange& range = data_.at(i);
    // What is not in the list would never get its advice back.
    if (!data_.IsStillPlain(range, map_) || !ranges_.Push({range.begin, range.end})) continue;
    Advise(range.begin, range.end, MADV_DONTFORK);
  }
}

void PinnedMemory::Restore() noexcept {
  if (data_.count() == 0) return;
  for (const MemoryRange& range : ranges_) Advise(range.begin, range.end, MADV_DOFORK);
  OpenForkGate();
}

std::uint64_t PinnedMemory::spared_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const MemoryRange& range : ranges_) bytes += range.end - range.begin;
  return bytes;
}

}  // namespace memwhy::agent
