// SPDX-License-Identifier: Apache-2.0
#include "agent/private_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace memwhy::agent {

PrivateRange g_private;

namespace {
std::atomic<std::size_t> g_used{0};
}  // namespace

bool ReservePrivateMemory() noexcept {
  if (g_private.bytes != 0) return true;
  for (std::size_t bytes = std::size_t{256} << 20; bytes >= (std::size_t{16} << 20); bytes /= 4) {
    const long at = syscall(SYS_mmap, nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == -1) continue;
    // Tables are sparse: huge pages would make our share of rss larger than what we use.
    syscall(SYS_madvise, at, bytes, MADV_NOHUGEPAGE);
    g_private.begin = static_cast<std::uintptr_t>(at);
    g_private.bytes = bytes;
    return true;
  }
  return false;
}

void* TakePrivate(std::size_t bytes) noexcept {
  bytes = (bytes + 63) & ~std::size_t{63};
  // Relaxed: the range is disjoint for each caller; publication is the caller's business.
  const std::size_t at = g_used.fetch_add(bytes, std::memory_order_relaxed);
  if (at + bytes > g_private.bytes) {
    g_used.fetch_sub(bytes, std::memory_order_relaxed);
    return nullptr;
  }
  return reinterpret_cast<void*>(g_private.begin + at);
}

std::size_t PrivateBytesUsed() noexcept { return g_used.load(std::memory_order_relaxed); }

}  // namespace memwhy::agent
