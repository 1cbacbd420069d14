// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/tally.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "agent/ground/raw_memory.h"
#include "agent/ground/real_functions.h"

namespace memwhy::agent {
namespace {

wire::TallyFile* g_tally = nullptr;

std::uint32_t Number(wire::TallyState state) noexcept { return static_cast<std::uint32_t>(state); }

}  // namespace

void MapTally(const char* text) noexcept {
  char path[64];
  const char* space = std::strchr(text, ' ');
  if (space == nullptr || static_cast<std::size_t>(space - text) >= sizeof(path)) return;
  std::memcpy(path, text, static_cast<std::size_t>(space - text));
  path[space - text] = 0;
  char* end = nullptr;
  const std::uint64_t device = std::strtoull(space, &end, 10);
  const std::uint64_t inode = std::strtoull(end, nullptr, 10);
  struct stat status{};
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_dev != device ||
      status.st_ino != inode || status.st_size != sizeof(wire::TallyFile)) {
    return;
  }
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* at =
      g_real.mmap(nullptr, sizeof(wire::TallyFile), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) return;
  auto* tally = static_cast<wire::TallyFile*>(at);
  if (std::memcmp(tally->magic, wire::kTallyMagic, sizeof(tally->magic)) == 0) {
    g_tally = tally;
  } else {
    UnmapRaw(at, sizeof(wire::TallyFile));
  }
}

TallyNote::TallyNote(wire::Unseen why, std::uint32_t pid, const char* program) noexcept {
  if (g_tally == nullptr) return;
  for (std::uint32_t i = 0; i < wire::kTallySlots; ++i) {
    wire::TallySlot& slot = g_tally->slots[(pid + i) % wire::kTallySlots];
    std::uint32_t expected = Number(wire::TallyState::kFree);
    if (!slot.state.compare_exchange_strong(expected, Number(wire::TallyState::kWriting),
                                            std::memory_order_acquire)) {
      continue;
    }
    slot.pid = pid;
    slot.why = static_cast<std::uint32_t>(why);
    const char* slash = std::strrchr(program, '/');
    if (slash != nullptr) program = slash + 1;
    const std::size_t length = strnlen(program, sizeof(slot.program) - 1);
    std::memcpy(slot.program, program, length);
    slot.program[length] = 0;
    slot.state.store(Number(wire::TallyState::kNoted), std::memory_order_release);
    slot_ = &slot;
    return;
  }
  g_tally->untold.fetch_add(1, std::memory_order_relaxed);
}

void TallyNote::TakeBack() noexcept {
  if (slot_ == nullptr) return;
  std::uint32_t expected = Number(wire::TallyState::kNoted);
  slot_->state.compare_exchange_strong(expected, Number(wire::TallyState::kFree));
  slot_ = nullptr;
}

}  // namespace memwhy::agent
