// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/thread_state.h"

#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <new>

#include "agent/capture/recording.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stream.h"
#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"

namespace memwhy::agent {

__thread __attribute__((tls_model("initial-exec"))) ThreadState* t_self = nullptr;
std::atomic<std::uint32_t> g_no_slot{0};

namespace {

pthread_key_t g_key;
bool g_key_made = false;
// All states ever made. Pushed at the front, never removed: a walk needs no lock.
std::atomic<ThreadState*> g_states{nullptr};
std::atomic<std::uint32_t> g_state_count{0};
// Set on a state whose stream is closed; taken by compare-and-swap by the thread that reuses it.
// Kept outside of ThreadState so that the state itself has one writer only.

struct Slot {
  std::atomic<std::uint32_t> retired_tid{0};  // kernel id of the thread that left it, 0: in use
  std::uint32_t number = 0;                   // of the state: its slot in the ring
  ThreadState state;
};

Slot* SlotOf(ThreadState* state) noexcept {
  return reinterpret_cast<Slot*>(reinterpret_cast<char*>(state) - __builtin_offsetof(Slot, state));
}

bool HasThreadEnded(std::uint32_t tid) noexcept {
  return syscall(SYS_tgkill, getpid(), tid, 0) == -1 && errno == ESRCH;
}

ThreadState* ReuseState() noexcept {
  if (IsSandboxed()) return nullptr;
  const int saved = errno;
  ThreadState* found = nullptr;
  for (ThreadState* s = g_states.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    std::uint32_t tid = SlotOf(s)->retired_tid.load(std::memory_order_acquire);
    if (tid == 0 || !HasThreadEnded(tid)) continue;
    if (SlotOf(s)->retired_tid.compare_exchange_strong(tid, 0)) {
      found = s;
      break;
    }
  }
  errno = saved;
  return found;
}

ThreadState* NewState() noexcept {
  void* memory = TakePrivate(sizeof(Slot));
  if (memory == nullptr) return nullptr;
  auto* slot = new (memory) Slot;
  slot->number = g_state_count.fetch_add(1, std::memory_order_relaxed);
  ThreadState* head = g_states.load(std::memory_order_relaxed);
  do {
    slot->state.next = head;
  } while (!g_states.compare_exchange_weak(head, &slot->state, std::memory_order_acq_rel));
  g_agent.ring->private_used.store(PrivateBytesUsed(), std::memory_order_relaxed);
  return &slot->state;
}

// The key's destructor. Other destructors may run after it and still free memory, so the thread
// asks to be called again until the last round; after that every event is sealed by itself.
void OnThreadEnd(void* value) {
  auto* t = static_cast<ThreadState*>(value);
  if (CurrentMode() != kModeRecording || t != t_self) return;
  ++t->depth;
  if (++t->destructor_rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    pthread_setspecific(g_key, value);
  } else {
    WriteThreadEnd(*t);
    SealChunk(*t);
    t->seals_each = true;
    SlotOf(t)->retired_tid.store(t->tid, std::memory_order_release);
  }
  --t->depth;
}

void Reset(ThreadState& t) noexcept {
  ThreadState* next = t.next;
  StackCache stacks = t.stacks;
  NativeStack* native = t.native;
  t = ThreadState{};
  t.next = next;
  t.native = native;
  if (native != nullptr) ResetNativeStack(*native);
  t.stacks = stacks;
  ResetStackCache(t.stacks);
}

void TakeSlot(ThreadState& t) noexcept {
  const std::uint32_t number = SlotOf(&t)->number;
  if (number < wire::kThreadSlots) {
    t.slot = number;
    t.is_writing = &g_agent.slots[number].is_writing;
  } else {
    t.seals_each = true;
  }
}

}  // namespace

bool InstallThreadEnd() noexcept {
  if (!g_key_made) g_key_made = pthread_key_create(&g_key, &OnThreadEnd) == 0;
  return g_key_made;
}

ThreadState* EnterThread() noexcept {
  ThreadState* t = ReuseState();
  if (t != nullptr) {
    Reset(*t);
  } else {
    t = NewState();
  }
  if (t == nullptr) {
    g_agent.ring->lost_events.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  t->tid = OwnTid();
  t->thread_index = g_agent.ring->threads_started.fetch_add(1, std::memory_order_relaxed);
  TakeSlot(*t);
  t->errno_at = &errno;
  if (g_has_native_stacks && t->native == nullptr) t->native = MakeNativeStack();
  t->depth = 1;
  t_self = t;
  pthread_setspecific(g_key, t);
  WriteThread(*t);
  t->depth = 0;
  return t;
}

void CountInterrupting() noexcept {
  g_agent.ring->lost_events.fetch_add(1, std::memory_order_relaxed);
}

ThreadState* RecordingThreadSlow() noexcept {
  if (t_serves_request) return nullptr;
  const int saved = errno;
  if (CurrentMode() == kModeUnset) EnterForkedChild();
  ThreadState* t = nullptr;
  if (CurrentMode() == kModeRecording) t = t_self != nullptr ? t_self : EnterThread();
  errno = saved;
  return t;
}

void ForgetThreadsAfterFork() noexcept {
  const auto self = static_cast<std::uint32_t>(syscall(SYS_gettid));
  std::uint32_t count = 0;
  for (ThreadState* s = g_states.load(std::memory_order_acquire); s != nullptr; s = s->next) {
    SlotOf(s)->number = count++;  // the first ones are used again first
    if (s == t_self) continue;
    // Any id that no thread of this process has: all others are gone.
    SlotOf(s)->retired_tid.store(self + 1, std::memory_order_relaxed);
  }
  g_state_count.store(count, std::memory_order_relaxed);
  if (t_self != nullptr) {
    ThreadState* mine = t_self;
    Reset(*mine);
    SlotOf(mine)->retired_tid.store(self + 1, std::memory_order_relaxed);
    t_self = nullptr;
  }
}

}  // namespace memwhy::agent
