// SPDX-License-Identifier: Apache-2.0
//
// The entry points that take or give memory, as the target calls them.
// Context: any thread, also before constructors, in signal handlers, after fork.
// Allocates: never itself.  Blocks: only in the stream's MakeRoom.  On overflow: drops and counts.
// Each one calls the next definition (real_functions.h) exactly once with the same arguments, and
// leaves errno as that call left it.
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/capture/event_clock.h"
#include "agent/capture/recording.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/export.h"
#include "agent/ground/pending_request.h"
#include "agent/ground/private_memory.h"
#include "agent/ground/real_functions.h"

namespace memwhy::agent {
namespace {

using wire::Allocator;
using wire::EventKind;

inline bool Ready() noexcept {
  if (__builtin_expect(!g_resolved, false)) {
    if (IsResolving()) return false;
    ResolveRealFunctions();
  }
  return true;
}

// True when this thread is ours and serves a request: its memory must not touch the target's heap.
inline bool IsOurThread() noexcept { return __builtin_expect(t_serves_request, false); }

// Calls `take` and records what it returned.
template <typename Take>
inline void* Acquire(EventKind kind, Allocator allocator, std::size_t size, Take take) noexcept {
  ThreadState* t = RecordingThread();
  if (t == nullptr) return take();
  ++t->depth;
  void* block = take();
  --t->depth;
  if (block != nullptr) {
    Recording recording(*t);
    WriteAcquire(*t, kind, allocator, EventTicks(*t), block, size);
    NoticeRequest();
  }
  return block;
}

inline void* Reallocate(Allocator allocator, void* before, std::size_t size,
                        void* (*call)(void*, std::size_t, std::size_t), std::size_t a,
                        std::size_t b) noexcept {
  ThreadState* t = RecordingThread();
  if (t == nullptr) return call(before, a, b);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  void* after = call(before, a, b);
  --t->depth;
  Recording recording(*t);
  if (before == nullptr) {
    if (after != nullptr) {
      WriteAcquire(*t, EventKind::kAllocate, allocator, EventTicks(*t), after, size);
    }
  } else if (after != nullptr) {
    WriteReallocate(*t, allocator, ticks, before, EventTicks(*t), after, size);
  } else if (size == 0) {
    WriteRelease(*t, EventKind::kFree, ticks, before);  // realloc(p, 0) frees
  }
  return after;
}

// Memory for a thread of ours, or while the real functions are being looked up.
void* SideTake(std::size_t size, std::size_t alignment) noexcept {
  if (IsResolving()) return BootstrapTake(size);
  // Twice the alignment would do; private memory is aligned to 64 already.
  if (alignment <= 64) return TakePrivate(size == 0 ? 1 : size);
  char* at = static_cast<char*>(TakePrivate(size + alignment));
  if (at == nullptr) return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  return at + ((alignment - address % alignment) % alignment);
}

inline bool IsSide(const void* block) noexcept {
  return __builtin_expect(IsPrivate(block) || IsBootstrap(block), false);
}

// A block of ours grows: its old size is unknown but its bytes lie inside of our ranges.
void* SideReallocate(void* before, std::size_t size) noexcept {
  void* after = IsOurThread() || IsResolving() ? SideTake(size, 16) : g_real.malloc(size);
  if (after == nullptr) return nullptr;
  const auto* from = static_cast<const char*>(before);
  auto* to = static_cast<char*>(after);
  for (std::size_t i = 0; i < size && IsSide(from + i); ++i) to[i] = from[i];
  return after;
}

}  // namespace
}  // namespace memwhy::agent

using namespace memwhy::agent;  // NOLINT: the functions below must be global
using memwhy::wire::Allocator;
using memwhy::wire::EventKind;

extern "C" {

MEMWHY_EXPORT void* malloc(std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) return SideTake(size, 16);
  return Acquire(EventKind::kMalloc, Allocator::kMalloc, size,
                 [size] { return g_real.malloc(size); });
}

MEMWHY_EXPORT void* calloc(std::size_t count, std::size_t size) noexcept {
  std::size_t bytes = 0;
  const bool overflows = __builtin_mul_overflow(count, size, &bytes);
  if (!Ready() || IsOurThread()) return overflows ? nullptr : SideTake(bytes, 16);
  return Acquire(EventKind::kCalloc, Allocator::kCalloc, bytes,
                 [count, size] { return g_real.calloc(count, size); });
}

MEMWHY_EXPORT void free(void* block) noexcept {
  if (block == nullptr || IsSide(block) || !Ready()) return;
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_real.free(block);
  const std::uint64_t ticks = EventTicks(*t);
  {
    Recording recording(*t);
    WriteRelease(*t, EventKind::kFree, ticks, block);
  }
  ++t->depth;
  g_real.free(block);
  --t->depth;
}

MEMWHY_EXPORT void* realloc(void* before, std::size_t size) noexcept {
  if (!Ready() || (before == nullptr && IsOurThread())) return SideTake(size, 16);
  if (before != nullptr && IsSide(before)) return SideReallocate(before, size);
  return Reallocate(
      Allocator::kRealloc, before, size,
      [](void* p, std::size_t n, std::size_t) { return g_real.realloc(p, n); }, size, 0);
}

MEMWHY_EXPORT void* reallocarray(void* before, std::size_t count, std::size_t size) noexcept {
  std::size_t bytes = 0;
  const bool overflows = __builtin_mul_overflow(count, size, &bytes);
  if (overflows) {
    errno = ENOMEM;
    return nullptr;
  }
  if (!Ready() || (before == nullptr && IsOurThread())) return SideTake(bytes, 16);
  if (before != nullptr && IsSide(before)) return SideReallocate(before, bytes);
  return Reallocate(
      Allocator::kReallocarray, before, bytes,
      [](void* p, std::size_t n, std::size_t m) { return g_real.reallocarray(p, n, m); }, count,
      size);
}

MEMWHY_EXPORT int posix_memalign(void** out, std::size_t alignment, std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) {
    *out = SideTake(size, alignment);
    return *out == nullptr ? ENOMEM : 0;
  }
  int status = 0;
  void* block = nullptr;
  Acquire(EventKind::kAllocate, Allocator::kPosixMemalign, size, [&]() -> void* {
    status = g_real.posix_memalign(&block, alignment, size);
    return status == 0 ? block : nullptr;
  });
  if (status == 0) *out = block;
  return status;
}

MEMWHY_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) return SideTake(size, alignment);
  return Acquire(EventKind::kAllocate, Allocator::kAlignedAlloc, size,
                 [=] { return g_real.aligned_alloc(alignment, size); });
}

MEMWHY_EXPORT void* memalign(std::size_t alignment, std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) return SideTake(size, alignment);
  return Acquire(EventKind::kAllocate, Allocator::kMemalign, size,
                 [=] { return g_real.memalign(alignment, size); });
}

MEMWHY_EXPORT void* valloc(std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) return SideTake(size, 4096);
  return Acquire(EventKind::kAllocate, Allocator::kValloc, size,
                 [=] { return g_real.valloc(size); });
}

MEMWHY_EXPORT void* pvalloc(std::size_t size) noexcept {
  if (!Ready() || IsOurThread()) return SideTake(size, 4096);
  return Acquire(EventKind::kAllocate, Allocator::kPvalloc, size,
                 [=] { return g_real.pvalloc(size); });
}

MEMWHY_EXPORT void* mmap(void* hint, std::size_t size, int protection, int flags, int fd,
                         off_t offset) noexcept {
  ResolveRealFunctions();
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_real.mmap(hint, size, protection, flags, fd, offset);
  ++t->depth;
  void* at = g_real.mmap(hint, size, protection, flags, fd, offset);
  --t->depth;
  if (at != MAP_FAILED) {
    Recording recording(*t);
    WriteAcquire(*t, EventKind::kMap, Allocator::kMmap, EventTicks(*t), at, size);
  }
  return at;
}

MEMWHY_EXPORT void* mmap64(void* hint, std::size_t size, int protection, int flags, int fd,
                           off64_t offset) noexcept {
  return mmap(hint, size, protection, flags, fd, offset);
}

MEMWHY_EXPORT int munmap(void* address, std::size_t size) noexcept {
  ResolveRealFunctions();
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_real.munmap(address, size);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  const int status = g_real.munmap(address, size);
  --t->depth;
  if (status == 0) {
    Recording recording(*t);
    WriteUnmap(*t, ticks, address, size);
  }
  return status;
}

MEMWHY_EXPORT void* mremap(void* before, std::size_t old_size, std::size_t size, int flags,
                           ...) noexcept {
  ResolveRealFunctions();
  void* wanted = nullptr;
  if ((flags & MREMAP_FIXED) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    wanted = va_arg(arguments, void*);
    va_end(arguments);
  }
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_real.mremap(before, old_size, size, flags, wanted);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  void* after = g_real.mremap(before, old_size, size, flags, wanted);
  --t->depth;
  if (after != MAP_FAILED) {
    Recording recording(*t);
    WriteRemap(*t, ticks, before, old_size, EventTicks(*t), after, size);
  }
  return after;
}

MEMWHY_EXPORT void* sbrk(std::intptr_t change) noexcept {
  ResolveRealFunctions();
  ThreadState* t = RecordingThread();
  if (t == nullptr || change == 0) return g_real.sbrk(change);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  void* old = g_real.sbrk(change);
  --t->depth;
  if (old == reinterpret_cast<void*>(-1)) return old;
  Recording recording(*t);
  if (change > 0) {
    WriteAcquire(*t, EventKind::kMap, Allocator::kBrk, EventTicks(*t), old,
                 static_cast<std::size_t>(change));
  } else {
    WriteUnmap(*t, ticks, static_cast<char*>(old) + change, static_cast<std::size_t>(-change));
  }
  return old;
}

MEMWHY_EXPORT int brk(void* end) noexcept {
  ResolveRealFunctions();
  ThreadState* t = RecordingThread();
  if (t == nullptr) return g_real.brk(end);
  const std::uint64_t ticks = EventTicks(*t);
  ++t->depth;
  char* old = static_cast<char*>(g_real.sbrk(0));
  const int status = g_real.brk(end);
  --t->depth;
  if (status != 0) return status;
  Recording recording(*t);
  const std::intptr_t change = static_cast<char*>(end) - old;
  if (change > 0) {
    WriteAcquire(*t, EventKind::kMap, Allocator::kBrk, EventTicks(*t), old,
                 static_cast<std::size_t>(change));
  } else if (change < 0) {
    WriteUnmap(*t, ticks, end, static_cast<std::size_t>(-change));
  }
  return status;
}

MEMWHY_EXPORT int madvise(void* address, std::size_t size, int advice) noexcept {
  ResolveRealFunctions();
  const int status = g_real.madvise(address, size, advice);
  ThreadState* t = RecordingThread();
  if (t != nullptr && status == 0) {
    Recording recording(*t);
    WriteAdvise(*t, EventTicks(*t), address, size, advice);
  }
  return status;
}

}  // extern "C"
