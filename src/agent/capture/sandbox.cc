// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture/recording.h"
#include "agent/ground/agent.h"

namespace memwhy::agent {

std::atomic<bool> g_is_sandboxed{false};

namespace {

using wire::AgentState;
using wire::Sandbox;

// A heap dump makes system calls; it is let end before the filter is there.
void AwaitRequest() noexcept {
  constexpr int kMaxWaits = 10'000;
  const timespec pause{0, 1'000'000};
  for (int left = kMaxWaits; left > 0; --left) {
    if (g_agent.ring->request.state.load(std::memory_order_acquire) !=
        static_cast<std::uint32_t>(wire::RequestState::kRunning)) {
      return;
    }
    nanosleep(&pause, nullptr);
  }
}

}  // namespace

pid_t OwnPid() noexcept {
  return IsSandboxed() && g_agent.ring != nullptr ? static_cast<pid_t>(g_agent.ring->pid)
                                                  : getpid();
}

std::uint32_t OwnTid() noexcept {
  if (!IsSandboxed()) return static_cast<std::uint32_t>(syscall(SYS_gettid));
  // The clock's number is made of the thread's id (include/linux/posix-timers.h).
  clockid_t clock = 0;
  if (pthread_getcpuclockid(pthread_self(), &clock) != 0) return 0;
  return static_cast<std::uint32_t>(~(clock >> 3));
}

SandboxEntry::SandboxEntry(Sandbox kind) noexcept {
  const int saved = errno;
  was_sandboxed_ = IsSandboxed();
  // A forked child opens its ring here at the latest, a thread its stream.
  RecordingThread();
  if (g_agent.has_started && CurrentMode() == kModeRecording &&
      (was_sandboxed_ || g_agent.ring->pid == static_cast<std::uint32_t>(getpid()))) {
    is_ours_ = true;
    if (!was_sandboxed_) AwaitRequest();
    StopObjects();  // no request could stop them later
    wire::RingHeader& ring = *g_agent.ring;
    before_ = wire::ExtraOf(ring).sandbox.load(std::memory_order_relaxed);
    if (g_agent.needs_clock_calls) kind = Sandbox::kNoClock;
    wire::ExtraOf(ring).sandbox.store(static_cast<std::uint32_t>(kind), std::memory_order_relaxed);
    if (kind == Sandbox::kNoClock) {
      was_ended_ = true;
      ring.detached_ns.store(wire::MonotonicNs(), std::memory_order_relaxed);
      ring.state.store(static_cast<std::uint32_t>(AgentState::kDetached),
                       std::memory_order_release);
      SetMode(kModeDormant);
    }
    g_is_sandboxed.store(true);
  } else if (CurrentMode() != kModeRecording) {
    g_is_sandboxed.store(true);  // for what a dormant agent still does, and for its children
  }
  errno = saved;
}

void SandboxEntry::Finish(bool has_failed) noexcept {
  if (!has_failed) return;
  if (!was_sandboxed_) g_is_sandboxed.store(false);
  if (!is_ours_) return;
  wire::RingHeader& ring = *g_agent.ring;
  wire::ExtraOf(ring).sandbox.store(before_, std::memory_order_relaxed);
  if (!was_ended_) return;
  ring.detached_ns.store(0, std::memory_order_relaxed);
  ring.state.store(static_cast<std::uint32_t>(AgentState::kRecording), std::memory_order_release);
  SetMode(kModeRecording);
}

}  // namespace memwhy::agent
