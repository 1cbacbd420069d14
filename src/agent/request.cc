// SPDX-License-Identifier: Apache-2.0
#include "agent/request.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <cstring>

#include "agent/heap_dump.h"
#include "agent/private_memory.h"
#include "agent/python_api.h"
#include "agent/stack_cache.h"
#include "agent/text_buffer.h"

namespace memwhy::agent {

__thread __attribute__((tls_model("initial-exec"))) bool t_serves_request = false;

namespace {

using wire::RequestKind;
using wire::RequestState;

constexpr std::size_t kStackBytes = 512 * 1024;
void* g_stack = nullptr;  // of the serving thread; one request at a time

void Finish(RequestState state, const char* error) noexcept {
  wire::RingHeader* ring = g_agent.ring;
  TextBuffer(ring->request_error, sizeof(ring->request_error)).Text(error);
  ring->request_state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
}

// Takes the posted request for the calling thread; false when another thread was faster.
bool Claim() noexcept {
  auto expected = static_cast<std::uint32_t>(RequestState::kPosted);
  return g_agent.ring->request_state.compare_exchange_strong(
      expected, static_cast<std::uint32_t>(RequestState::kRunning), std::memory_order_acq_rel);
}

void RunHeapDump() noexcept {
  wire::RingHeader* ring = g_agent.ring;
  const HeapDumpResult result =
      WriteHeapDump({ring->request_output, ring->request_scan != 0 ? ring->request_input : nullptr,
                     ring->request_blocks.load() != 0, ring->request_limit_ns,
                     ring->request_clone_ns, ring->request_headroom, ring->request_in_place != 0,
                     ring->request_kind == static_cast<std::uint32_t>(RequestKind::kHeapCensus),
                     ring->request_lanes.load() == wire::kMayHaveLanes});
  ring->request_pause_ns.store(result.pause_ns, std::memory_order_relaxed);
  ring->request_method.store(static_cast<std::uint32_t>(result.method), std::memory_order_relaxed);
  ring->request_taken_ns.store(result.taken_ns, std::memory_order_relaxed);
  ring->request_spared_bytes.store(result.spared_bytes, std::memory_order_relaxed);
  ring->request_lanes.store(result.lanes, std::memory_order_relaxed);
  Finish(result.error == nullptr ? RequestState::kDone : RequestState::kFailed,
         result.error == nullptr ? "" : result.error);
}

bool InterpreterIsUsable() noexcept {
  return g_agent.python.layout != nullptr && g_python_api.Py_IsInitialized != nullptr &&
         g_python_api.Py_IsInitialized() != 0 && !SawFinalization() &&
         cpython::PeekPointer(g_agent.python.runtime, g_agent.python.layout->runtime_finalizing) ==
             0;
}

void* Serve(void*) {
  t_serves_request = true;
  if (!InterpreterIsUsable()) {
    Finish(RequestState::kFailed, g_agent.python.obstacle != nullptr
                                      ? g_agent.python.obstacle
                                      : "the interpreter is not running (any more)");
    return nullptr;
  }
  RunHeapDump();
  return nullptr;
}

// Starts the serving thread: all signals blocked, stack and thread data from private memory.
bool StartThread() noexcept {
  if (g_stack == nullptr) g_stack = TakePrivate(kStackBytes);
  if (g_stack == nullptr) return false;
  auto* stack = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(g_stack) + 4095) &
                                        ~std::uintptr_t{4095});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstack(&attributes, stack, kStackBytes - 8192);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  t_serves_request = true;  // what pthread_create takes comes from private memory
  pthread_t thread;
  const bool started = pthread_create(&thread, &attributes, &Serve, nullptr) == 0;
  t_serves_request = false;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return started;
}

// The request's signal. Context: a signal handler on a thread that slept in a system call.
void OnSignal(int, siginfo_t*, void*) {
  const int saved = errno;
  if (CurrentMode() == kModeRecording && Claim() && !StartThread()) {
    Finish(RequestState::kFailed, "no thread could be started");
  }
  errno = saved;
}

std::atomic<std::uint32_t> g_pending_serial{0};

int OnPendingCall(void*) {
  if (CurrentMode() != kModeRecording || !Claim()) return 0;
  // This thread runs Python code; it shall not wait until a clone has written all.
  if (!StartThread()) Finish(RequestState::kFailed, "no thread could be started");
  return 0;
}

}  // namespace

int InstallRequestSignal() noexcept {
  for (int number = SIGRTMAX - 3; number > SIGRTMIN + 3; --number) {
    struct sigaction old;
    if (sigaction(number, nullptr, &old) != 0 || old.sa_handler != SIG_DFL) continue;
    struct sigaction ours;
    std::memset(&ours, 0, sizeof(ours));
    ours.sa_sigaction = &OnSignal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigfillset(&ours.sa_mask);
    if (sigaction(number, &ours, nullptr) == 0) return number;
  }
  return 0;
}

void NoticeRequestSlow() noexcept {
  // One pending call for each request, whoever notices it first.
  const std::uint32_t serial = g_agent.ring->request_serial;
  std::uint32_t seen = g_pending_serial.load(std::memory_order_relaxed);
  if (seen == serial || !g_pending_serial.compare_exchange_strong(seen, serial)) return;
  if (g_python_api.Py_AddPendingCall != nullptr && InterpreterIsUsable()) {
    g_python_api.Py_AddPendingCall(&OnPendingCall, nullptr);
  }
}

}  // namespace memwhy::agent
