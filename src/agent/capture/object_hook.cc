// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/object_hook.h"

#include <cerrno>

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

DomainAllocator g_originals[kDomains];

constexpr Allocator NameOf(int domain) noexcept {
  return domain == 0   ? Allocator::kPymemRaw
         : domain == 1 ? Allocator::kPymemMem
                       : Allocator::kPymemObj;
}

template <int domain>
void* OnMalloc(void* /*context*/, std::size_t size) {
  const DomainAllocator& original = g_originals[domain];
  ThreadState* t = RecordingThread();
  if (t == nullptr) return original.malloc(original.context, size);
  ++t->depth;
  void* block = original.malloc(original.context, size);
  if (block != nullptr) {
    WriteAcquire(*t, EventKind::kAllocate, NameOf(domain), EventTicks(*t), block, size);
    NoticeRequest();
  }
  --t->depth;
  return block;
}

template <int domain>
void* OnCalloc(void* /*context*/, std::size_t count, std::size_t size) {
  const DomainAllocator& original = g_originals[domain];
  ThreadState* t = RecordingThread();
  if (t == nullptr) return original.calloc(original.context, count, size);
  ++t->depth;
  void* block = original.calloc(original.context, count, size);
  if (block != nullptr) {
    WriteAcquire(*t, EventKind::kAllocate, NameOf(domain), EventTicks(*t), block, count * size);
  }
  --t->depth;
  return block;
}

template <int domain>
void* OnRealloc(void* /*context*/, void* before, std::size_t size) {
  const DomainAllocator& original = g_originals[domain];
  ThreadState* t = RecordingThread();
  if (t == nullptr) return original.realloc(original.context, before, size);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  void* after = original.realloc(original.context, before, size);
  if (after != nullptr) {
    if (before == nullptr) {
      WriteAcquire(*t, EventKind::kAllocate, NameOf(domain), EventTicks(*t), after, size);
    } else {
      WriteReallocate(*t, NameOf(domain), ticks, before, EventTicks(*t), after, size);
    }
  }
  --t->depth;
  return after;
}

template <int domain>
void OnFree(void* /*context*/, void* block) {
  const DomainAllocator& original = g_originals[domain];
  ThreadState* t = block == nullptr ? nullptr : RecordingThread();
  if (t == nullptr) return original.free(original.context, block);
  ++t->depth;
  WriteRelease(*t, EventKind::kFree, EventTicks(*t), block);
  original.free(original.context, block);
  --t->depth;
}

template <int domain>
void Install() noexcept {
  g_python_api.PyMem_GetAllocator(domain, &g_originals[domain]);
  DomainAllocator ours{nullptr, &OnMalloc<domain>, &OnCalloc<domain>, &OnRealloc<domain>,
                       &OnFree<domain>};
  g_python_api.PyMem_SetAllocator(domain, &ours);
}

}  // namespace

void InstallObjectHook() noexcept {
  if (g_python_api.PyMem_GetAllocator == nullptr || g_python_api.PyMem_SetAllocator == nullptr) {
    return;
  }
  Install<0>();
  Install<1>();
  Install<2>();
}

}  // namespace memwhy::agent
