// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/process_end.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/capture/sandbox.h"
#include "agent/ground/agent.h"
#include "agent/ground/export.h"
#include "agent/ground/raw_memory.h"
#include "agent/ground/real_functions.h"
#include "agent/ground/text_buffer.h"

namespace memwhy::agent {
namespace {

using wire::AgentState;
using wire::RingHeader;

// Rings of earlier images that the recorder has not taken away yet.
constexpr std::uint64_t kMaxEarlierImages = 16;

// The ring of this very process, or null: it does not record, or only shares its parent's memory.
RingHeader* OwnRing() noexcept {
  // Whether the ring is ours alone cannot be asked in a sandbox; the recorder sees the end, too.
  if (CurrentMode() != kModeRecording || IsSandboxed()) return nullptr;
  RingHeader* ring = g_agent.ring;
  return ring->pid == static_cast<std::uint32_t>(getpid()) ? ring : nullptr;
}

void NoteExit(int code) noexcept {
  RingHeader* ring = OwnRing();
  if (ring == nullptr) return;
  ring->exit_code.store(static_cast<std::uint32_t>(code) & 0xff, std::memory_order_relaxed);
  ring->end_clock.store(wire::ReadAfter(g_agent.clock), std::memory_order_relaxed);
  ring->state.store(static_cast<std::uint32_t>(AgentState::kEnded), std::memory_order_release);
}

void OnExit(int code, void*) { NoteExit(code); }

void EndImage(const char* path, std::uint64_t start_ticks) noexcept {
  const int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  struct stat status{};
  void* at = MAP_FAILED;
  if (fstat(fd, &status) == 0 && status.st_size >= static_cast<off_t>(sizeof(RingHeader))) {
    at = g_real.mmap(nullptr, sizeof(RingHeader), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (at == MAP_FAILED) return;
  auto* ring = static_cast<RingHeader*>(at);
  // Without a noted exec it may be of another process: of one that had this number before, or has
  // it in another namespace.
  const std::uint64_t clock = ring->exec_clock.load(std::memory_order_relaxed);
  if (std::memcmp(ring->magic, wire::kRingMagic, sizeof(ring->magic)) == 0 && clock != 0 &&
      ring->pid == static_cast<std::uint32_t>(getpid()) && ring->start_ticks == start_ticks &&
      ring->state.load(std::memory_order_acquire) ==
          static_cast<std::uint32_t>(AgentState::kRecording)) {
    ring->end_clock.store(clock, std::memory_order_relaxed);
    ring->state.store(static_cast<std::uint32_t>(AgentState::kReplaced), std::memory_order_release);
  }
  UnmapRaw(at, sizeof(RingHeader));
}

}  // namespace

ExecNote::ExecNote() noexcept : ring_(OwnRing()) {
  if (ring_ != nullptr) {
    ring_->exec_clock.store(wire::ReadAfter(g_agent.clock), std::memory_order_relaxed);
  }
}

ExecNote::~ExecNote() {
  if (ring_ != nullptr) ring_->exec_clock.store(0, std::memory_order_relaxed);
}

bool InstallExitNote() noexcept { return on_exit(&OnExit, nullptr) == 0; }

void WriteRingPath(char* out, std::size_t room, const char* rings, std::uint64_t start_ticks,
                   std::uint64_t image) noexcept {
  TextBuffer path(out, room);
  path.Text(rings).Text("/ring.").Number(static_cast<std::uint64_t>(getpid())).Text(".");
  path.Number(start_ticks);
  if (image != 0) path.Text(".").Number(image);
}

void EndEarlierImages(const char* rings, std::uint64_t start_ticks) noexcept {
  char path[1024];
  for (std::uint64_t image = 0; image < kMaxEarlierImages; ++image) {
    WriteRingPath(path, sizeof(path), rings, start_ticks, image);
    if (access(path, F_OK) == 0) EndImage(path, start_ticks);
  }
}

}  // namespace memwhy::agent

using namespace memwhy::agent;  // NOLINT: the functions below must be global

// Context: as the functions they stand in for, also in a vfork'ed child and in signal handlers.
// Allocates: never.  Blocks: never.
extern "C" {

MEMWHY_EXPORT __attribute__((noreturn)) void _exit(int code) {
  if (!g_resolved) ResolveRealFunctions();
  NoteExit(code);
  g_real.exit_now(code);
  __builtin_unreachable();
}

MEMWHY_EXPORT __attribute__((noreturn)) void _Exit(int code) noexcept { _exit(code); }

}  // extern "C"
