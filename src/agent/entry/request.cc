// SPDX-License-Identifier: Apache-2.0
#include "agent/entry/request.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "agent/capture/object_period.h"
#include "agent/capture/request_signal.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stack_cache.h"
#include "agent/dump/heap_dump.h"
#include "agent/entry/intervention.h"
#include "agent/ground/fork_gate.h"
#include "agent/ground/pending_request.h"
#include "agent/ground/private_memory.h"
#include "agent/ground/redaction.h"
#include "agent/ground/text_buffer.h"
#include "agent/python/python_api.h"
#include "agent/python/python_thread.h"
#include "wire/clock.h"

namespace memwhy::agent {

__thread __attribute__((tls_model("initial-exec"))) bool t_serves_request = false;

namespace {

using wire::RequestKind;
using wire::RequestState;

constexpr std::size_t kRequestStackBytes = 512 * 1024;
void* g_stack = nullptr;  // of the serving thread; one request at a time

void Finish(RequestState state, const char* error) noexcept {
  wire::Request& request = g_agent.ring->request;
  TextBuffer(request.reply.error, sizeof(request.reply.error)).Text(error);
  request.state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
}

// Takes the posted request for the calling thread; false when another thread was faster.
bool Claim() noexcept {
  auto expected = static_cast<std::uint32_t>(RequestState::kPosted);
  return g_agent.ring->request.state.compare_exchange_strong(
      expected, static_cast<std::uint32_t>(RequestState::kRunning), std::memory_order_acq_rel);
}

constexpr char kSandboxed[] = "the program has put a filter on its system calls (seccomp)";

void RunHeapDump() noexcept {
  wire::Request& request = g_agent.ring->request;
  const wire::DumpOrder& order = request.dump;
  PrepareRedactedDump(order.redacts != 0);
  const HeapDumpResult result = WriteHeapDump({
      .output_path = order.output,
      .scan_path = order.scan != 0 ? order.questions : nullptr,
      .has_blocks = request.progress.blocks.load() != 0,
      .limit_ns = order.limit_ns,
      .clone_ns_per_mib = order.clone_ns_per_mib,
      .headroom_bytes = order.headroom_bytes,
      .in_place = order.in_place != 0,
      .is_census = request.kind == static_cast<std::uint32_t>(RequestKind::kHeapCensus),
      .may_split = request.progress.lanes.load() == wire::kMayHaveLanes,
  });
  wire::RequestReply& reply = request.reply;
  reply.pause_ns.store(result.pause_ns, std::memory_order_relaxed);
  reply.method.store(static_cast<std::uint32_t>(result.method), std::memory_order_relaxed);
  reply.taken_ns.store(result.taken_ns, std::memory_order_relaxed);
  reply.spared_bytes.store(result.spared_bytes, std::memory_order_relaxed);
  request.progress.lanes.store(result.lanes, std::memory_order_relaxed);
  Finish(result.error == nullptr ? RequestState::kDone : RequestState::kFailed,
         result.error == nullptr ? "" : result.error);
}

// Without a fork between its stores: the child would find one domain changed and not the other.
void ChangeObjectPeriod(bool begins) noexcept {
  void* const state = TakeGil();
  if (state == nullptr) return Finish(RequestState::kFailed, "no memory for a thread of Python");
  CloseForkGate();
  const ObjectChange change = begins ? BeginObjectPeriod() : EndObjectPeriod();
  OpenForkGate();
  GiveGil(state);
  g_agent.ring->request.reply.taken_ns.store(change.at_ns, std::memory_order_relaxed);
  Finish(change.error == nullptr ? RequestState::kDone : RequestState::kFailed,
         change.error == nullptr ? "" : change.error);
}

void RunIntervention(bool predicts) noexcept {
  wire::Request& request = g_agent.ring->request;
  const InterventionResult result =
      predicts ? PredictIntervention(request.intervention) : Intervene(request.intervention);
  wire::RequestReply& reply = request.reply;
  (predicts ? reply.predicted_ns : reply.pause_ns).store(result.ns, std::memory_order_relaxed);
  TextBuffer(reply.answer, sizeof(reply.answer)).Text(result.answer);
  Finish(result.is_done ? RequestState::kDone : RequestState::kFailed, result.error);
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
  switch (static_cast<RequestKind>(g_agent.ring->request.kind)) {
    case RequestKind::kObjectsOn:
    case RequestKind::kObjectsOff:
      ChangeObjectPeriod(g_agent.ring->request.kind ==
                         static_cast<std::uint32_t>(RequestKind::kObjectsOn));
      break;
    case RequestKind::kPredict:
    case RequestKind::kIntervene:
      RunIntervention(g_agent.ring->request.kind ==
                      static_cast<std::uint32_t>(RequestKind::kPredict));
      break;
    case RequestKind::kNone:
    case RequestKind::kHeapDump:
    case RequestKind::kHeapCensus:
      RunHeapDump();
      break;
  }
  return nullptr;
}

// Starts the serving thread: all signals blocked, stack and thread data from private memory.
bool StartThread() noexcept {
  if (g_stack == nullptr) g_stack = TakePrivate(kRequestStackBytes);
  if (g_stack == nullptr) return false;
  auto* stack = reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(g_stack) + 4095) &
                                        ~std::uintptr_t{4095});
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstack(&attributes, stack, kRequestStackBytes - 8192);
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

// For the thread that took the request: hands it to a thread of ours.
void Hand() noexcept {
  if (IsSandboxed()) {
    Finish(RequestState::kFailed, kSandboxed);
  } else if (!StartThread()) {
    Finish(RequestState::kFailed, "no thread could be started");
  }
}

// Context: a signal handler on a thread that slept in a system call.
void TakeRequest() noexcept {
  if (CurrentMode() == kModeRecording && Claim()) Hand();
}

// Until the main thread is waited for no longer.
constexpr std::uint64_t kPatienceNs = 200'000'000;

std::atomic<std::uint32_t> g_pending_serial{0};
std::atomic<std::uint64_t> g_noticed_ns{0};  // when that request was

int OnPendingCall(void*) {
  if (CurrentMode() != kModeRecording || !Claim()) return 0;
  // This thread runs Python code; it shall not wait until a clone has written all.
  Hand();
  return 0;
}

}  // namespace

void InstallRequestSignal() noexcept { InstallRequestSignal(&TakeRequest); }

void NoticeRequestSlow() noexcept {
  if (IsSandboxed()) {
    if (Claim()) Finish(RequestState::kFailed, kSandboxed);
    return;
  }
  // A child of vfork has our memory, and must not act in its parent's name.
  if (g_agent.ring->pid != static_cast<std::uint32_t>(getpid())) return;
  // One pending call for each request, whoever notices it first.
  const std::uint32_t serial = g_agent.ring->request.serial;
  std::uint32_t seen = g_pending_serial.load(std::memory_order_relaxed);
  if (seen != serial) {
    if (!g_pending_serial.compare_exchange_strong(seen, serial)) return;
    g_noticed_ns.store(wire::MonotonicNs(), std::memory_order_relaxed);
    if (g_python_api.Py_AddPendingCall != nullptr && InterpreterIsUsable()) {
      g_python_api.Py_AddPendingCall(&OnPendingCall, nullptr);
    }
    return;
  }
  // The main thread, which alone takes pending calls, waits for something: any thread will do. It
  // goes on at once, so that nothing that it holds is waited for.
  if (wire::MonotonicNs() - g_noticed_ns.load(std::memory_order_relaxed) < kPatienceNs) return;
  if (Claim() && !StartThread()) Finish(RequestState::kFailed, "no thread could be started");
}

}  // namespace memwhy::agent
