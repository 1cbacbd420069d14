// SPDX-License-Identifier: Apache-2.0
#include "recorder/tree/tally_map.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace memwhy::recorder {
namespace {

std::uint32_t Number(wire::TallyState state) { return static_cast<std::uint32_t>(state); }

}  // namespace

std::unique_ptr<TallyMap> TallyMap::Make() {
  UniqueFd fd(memfd_create("memwhy-tally", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ftruncate(fd.get(), sizeof(wire::TallyFile)) != 0) return nullptr;
  // Nobody can take the memory away from under another's mapping.
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return nullptr;
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return nullptr;
  void* at = mmap(nullptr, sizeof(wire::TallyFile), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (at == MAP_FAILED) return nullptr;
  auto* file = static_cast<wire::TallyFile*>(at);
  std::memcpy(file->magic, wire::kTallyMagic, sizeof(file->magic));
  std::string address =
      fmt::format("/proc/{}/fd/{} {} {}", getpid(), fd.get(), status.st_dev, status.st_ino);
  return std::unique_ptr<TallyMap>(new TallyMap(std::move(fd), file, std::move(address)));
}

TallyMap::~TallyMap() { munmap(file_, sizeof(wire::TallyFile)); }

std::vector<UnseenProcess> TallyMap::Take() {
  std::vector<UnseenProcess> taken;
  for (wire::TallySlot& slot : file_->slots) {
    if (slot.state.load(std::memory_order_acquire) != Number(wire::TallyState::kNoted)) continue;
    const std::uint32_t pid = slot.pid;
    const std::uint32_t why = slot.why;
    char program[sizeof(slot.program)];
    std::memcpy(program, slot.program, sizeof(program));
    std::uint32_t expected = Number(wire::TallyState::kNoted);
    if (!slot.state.compare_exchange_strong(expected, Number(wire::TallyState::kFree))) continue;
    if (why == 0 || why > wire::kMaxUnseen) continue;
    taken.push_back({pid, PlainName({program, strnlen(program, sizeof(program))}),
                     UnseenText(static_cast<wire::Unseen>(why))});
  }
  return taken;
}

std::uint64_t TallyMap::TakeUntold() { return file_->untold.exchange(0); }

std::string UnseenText(wire::Unseen why) {
  switch (why) {
    case wire::Unseen::kOtherLibc:
      return "not recorded: its C library is not glibc";
    case wire::Unseen::kOtherMachine:
      return "not recorded: it is 32-bit, or of another processor";
    case wire::Unseen::kSanitizer:
      return "not recorded: a sanitizer has its malloc";
    case wire::Unseen::kNoAgentFile:
      return "not recorded: its root folder has no agent (chroot)";
    case wire::Unseen::kMoreRights:
      return "not recorded: setuid or setgid, nothing is preloaded";
    case wire::Unseen::kNoAccess:
      return "not recorded: it may not write into the session's folder";
    case wire::Unseen::kNoRing:
      return "not recorded: no room for its events (disk or memory)";
    case wire::Unseen::kAllocatorFirst:
      return "its malloc is not recorded: another library's comes before the agent";
    case wire::Unseen::kNoMemory:
      return "not recorded: no memory for the agent's tables";
    case wire::Unseen::kFreeThreaded:
      return "not recorded: a free-threaded CPython";
    case wire::Unseen::kFiltered:
      return "not recorded: forked behind a filter on system calls (seccomp)";
    case wire::Unseen::kFileLimit:
      return "not recorded: its limit on the size of files (ulimit -f) leaves no room for its "
             "events";
  }
  return "not recorded";
}

}  // namespace memwhy::recorder
