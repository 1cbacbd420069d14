// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/object_period.h"

#include <atomic>
#include <cstring>

#include "agent/capture/event_clock.h"
#include "agent/capture/recording.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/pending_request.h"
#include "agent/python/python_api.h"

namespace memwhy::agent {
namespace {

using wire::Allocator;
using wire::EventKind;

constexpr std::size_t kMaxPooledBytes = 512;
constexpr std::uint64_t kMaxWaitedNs = 100'000'000;  // of all threads, for room in the ring

constexpr int kFirstPooled = 1;         // PYMEM_DOMAIN_MEM, then OBJ
DomainAllocator g_below[kDomains];      // what each wrapper stands before
bool g_is_in[kDomains];                 // the wrappers stand in the domain's chain
std::uint64_t g_waited_before = 0;      // RingHeader::waited_ns when the period began
std::uint64_t g_lost_before = 0;        // likewise lost_events
std::atomic<bool> g_is_starved{false};  // the ring had no room for so many events

bool IsOn() noexcept { return g_mode_page.objects.load(std::memory_order_relaxed) != 0; }

// False: there is no room for so many events; none is recorded from here on.
bool MayGoOn() noexcept {
  const wire::RingHeader& ring = *g_agent.ring;
  if (__builtin_expect(
          ring.lost_events.load(std::memory_order_relaxed) == g_lost_before &&
              ring.waited_ns.load(std::memory_order_relaxed) - g_waited_before <= kMaxWaitedNs,
          true)) {
    return true;
  }
  g_is_starved.store(true);
  StopObjects();
  return false;
}

// The state to record by; null: not now.
ThreadState* ThreadInPeriod() noexcept {
  if (!IsOn()) return nullptr;
  ThreadState* t = RecordingThread();
  return t != nullptr && MayGoOn() ? t : nullptr;
}

template <int domain>
void NoteTaken(ThreadState& t, const void* block, std::size_t size) noexcept {
  WriteAcquire(t, EventKind::kObjectAllocate,
               domain == kFirstPooled ? Allocator::kPymemMem : Allocator::kPymemObj, EventTicks(t),
               block, size);
}

template <int domain>
void* Took(void* block, std::size_t size) noexcept {
  if (block == nullptr || size > kMaxPooledBytes) return block;
  if (ThreadState* t = ThreadInPeriod(); t != nullptr) {
    Recording recording(*t);
    NoteTaken<domain>(*t, block, size);
    NoticeRequest();
  }
  return block;
}

template <int domain>
void* MallocInPeriod(void* context, std::size_t size) {
  return Took<domain>(g_below[domain].malloc(context, size), size);
}

template <int domain>
void* CallocInPeriod(void* context, std::size_t count, std::size_t size) {
  // The product of a call that succeeds fits.
  return Took<domain>(g_below[domain].calloc(context, count, size), count * size);
}

template <int domain>
void* ReallocInPeriod(void* context, void* before, std::size_t size) {
  ThreadState* t = ThreadInPeriod();
  if (t == nullptr) return g_below[domain].realloc(context, before, size);
  const std::uint64_t ticks = EventTicks(*t);
  void* after = g_below[domain].realloc(context, before, size);
  if (after == nullptr) return nullptr;
  Recording recording(*t);
  if (before != nullptr) WriteRelease(*t, EventKind::kObjectFree, ticks, before);
  if (size <= kMaxPooledBytes) NoteTaken<domain>(*t, after, size);
  return after;
}

template <int domain>
void FreeInPeriod(void* context, void* block) {
  if (ThreadState* t = block == nullptr ? nullptr : ThreadInPeriod(); t != nullptr) {
    Recording recording(*t);
    WriteRelease(*t, EventKind::kObjectFree, EventTicks(*t), block);
  }
  g_below[domain].free(context, block);
}

template <int domain>
constexpr DomainAllocator Wrappers(void* context) noexcept {
  return {context, &MallocInPeriod<domain>, &CallocInPeriod<domain>, &ReallocInPeriod<domain>,
          &FreeInPeriod<domain>};
}

DomainAllocator WrappersOf(int domain, void* context) noexcept {
  return domain == kFirstPooled ? Wrappers<kFirstPooled>(context)
                                : Wrappers<kFirstPooled + 1>(context);
}

bool IsOurs(int domain, const DomainAllocator& allocator) noexcept {
  return allocator.malloc == WrappersOf(domain, nullptr).malloc;
}

constexpr char kChangedSince[] =
    "another tool has changed Python's allocators since small objects were recorded first";
constexpr char kStaysIn[] =
    "another tool has changed Python's allocators meanwhile: our hooks stay below it, and record "
    "nothing";

const char* WhyNoPeriod(const DomainAllocator (&now)[kDomains]) noexcept {
  if ((g_agent.ring->modes & wire::kRecordsObjects) != 0) {
    return "every Python object is recorded already (--objects)";
  }
  // Null: unknown to CPython, since a tool has wrapped it.
  const char* name = g_python_api.PyMem_GetCurrentAllocatorName == nullptr
                         ? nullptr
                         : g_python_api.PyMem_GetCurrentAllocatorName();
  if (name != nullptr && std::strncmp(name, "malloc", 6) == 0) {
    return "PYTHONMALLOC=malloc: every Python object is a block of malloc, recorded as such";
  }
  for (int domain = kFirstPooled; domain < kDomains; ++domain) {
    if (g_is_in[domain] && !IsOurs(domain, now[domain])) return kChangedSince;
  }
  return nullptr;
}

}  // namespace

ObjectChange BeginObjectPeriod() noexcept {
  if (g_python_api.PyMem_GetAllocator == nullptr || g_python_api.PyMem_SetAllocator == nullptr) {
    return {"this Python does not let its allocators be wrapped"};
  }
  DomainAllocator now[kDomains];
  for (int domain = kFirstPooled; domain < kDomains; ++domain) {
    g_python_api.PyMem_GetAllocator(domain, &now[domain]);
  }
  if (const char* error = WhyNoPeriod(now); error != nullptr) return {error};
  const std::uint64_t at = wire::MonotonicNs();
  if (IsOn()) return {nullptr, at};
  g_waited_before = g_agent.ring->waited_ns.load(std::memory_order_relaxed);
  g_lost_before = g_agent.ring->lost_events.load(std::memory_order_relaxed);
  g_agent.objects_ended_ns.store(0);
  g_is_starved.store(false);
  g_mode_page.objects.store(1, std::memory_order_release);
  for (int domain = kFirstPooled; domain < kDomains; ++domain) {
    if (g_is_in[domain]) continue;
    g_below[domain] = now[domain];
    DomainAllocator ours = WrappersOf(domain, now[domain].context);
    g_python_api.PyMem_SetAllocator(domain, &ours);
    g_is_in[domain] = true;
  }
  return {nullptr, at};
}

ObjectChange EndObjectPeriod() noexcept {
  StopObjects();
  ObjectChange change{nullptr, g_agent.objects_ended_ns.load()};
  if (g_is_starved.load()) {
    change.error = "the recorder could not follow: they were recorded for a part of the time only";
  }
  for (int domain = kFirstPooled; domain < kDomains; ++domain) {
    if (!g_is_in[domain]) continue;
    DomainAllocator now;
    g_python_api.PyMem_GetAllocator(domain, &now);
    if (IsOurs(domain, now)) {
      g_python_api.PyMem_SetAllocator(domain, &g_below[domain]);
      g_is_in[domain] = false;
    } else if (change.error == nullptr) {
      change.error = kStaysIn;
    }
  }
  return change;
}

}  // namespace memwhy::agent
