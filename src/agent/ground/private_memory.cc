// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/private_memory.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace memwhy::agent {

PrivateRange g_private;

namespace {
std::atomic<std::size_t> g_used{0};
// Of a limit on the address space, that and as much again for the ring is ours.
constexpr std::uint64_t kLimitShare = 32;
}  // namespace

std::uint64_t AddressSpaceShare() noexcept {
  std::uint64_t share = UINT64_MAX;
  for (const auto resource : {RLIMIT_AS, RLIMIT_DATA}) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) continue;
    if (limit.rlim_cur / kLimitShare < share) share = limit.rlim_cur / kLimitShare;
  }
  return share;
}

bool ReservePrivateMemory() noexcept {
  if (g_private.bytes != 0) return true;
  const std::uint64_t share = AddressSpaceShare();
  const std::size_t least = std::size_t{share == UINT64_MAX ? 16u : 4u} << 20;
  for (std::size_t bytes = std::size_t{256} << 20; bytes >= least; bytes /= 4) {
    if (bytes > share) continue;
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

void TrimPrivate(std::size_t spare) noexcept {
  const std::size_t whole = g_private.bytes;
  const std::size_t kept = (g_used.load() + spare + 4095) & ~std::size_t{4095};
  if (kept >= whole) return;
  // Who takes memory adds first and compares then; we store first and look then. So either we see
  // what was taken beyond, or the taker sees the new end.
  __atomic_store_n(&g_private.bytes, kept, __ATOMIC_SEQ_CST);
  if (g_used.load() > kept) {
    __atomic_store_n(&g_private.bytes, whole, __ATOMIC_SEQ_CST);
    return;
  }
  syscall(SYS_munmap, g_private.begin + kept, whole - kept);
}

void* TakePrivate(std::size_t bytes) noexcept {
  bytes = (bytes + 63) & ~std::size_t{63};
  // The range is disjoint for each caller; publication is the caller's business.
  const std::size_t at = g_used.fetch_add(bytes);
  if (at + bytes > __atomic_load_n(&g_private.bytes, __ATOMIC_SEQ_CST)) {
    g_used.fetch_sub(bytes, std::memory_order_relaxed);
    return nullptr;
  }
  return reinterpret_cast<void*>(g_private.begin + at);
}

std::size_t PrivateBytesUsed() noexcept { return g_used.load(std::memory_order_relaxed); }

}  // namespace memwhy::agent
