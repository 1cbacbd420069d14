// SPDX-License-Identifier: Apache-2.0
#include "agent/real_functions.h"

#include <dlfcn.h>

#include <atomic>

namespace memwhy::agent {

RealFunctions g_real;
bool g_resolved = false;

namespace {

alignas(64) char g_bootstrap[64 * 1024];
std::atomic<std::size_t> g_bootstrap_used{0};
__thread __attribute__((tls_model("initial-exec"))) bool t_resolving = false;

template <typename F>
void Look(F& slot, const char* name) noexcept {
  slot = reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

}  // namespace

bool IsResolving() noexcept { return t_resolving; }

void ResolveRealFunctions() noexcept {
  if (g_resolved || t_resolving) return;
  t_resolving = true;
  Look(g_real.malloc, "malloc");
  Look(g_real.calloc, "calloc");
  Look(g_real.realloc, "realloc");
  Look(g_real.reallocarray, "reallocarray");
  Look(g_real.free, "free");
  Look(g_real.posix_memalign, "posix_memalign");
  Look(g_real.aligned_alloc, "aligned_alloc");
  Look(g_real.memalign, "memalign");
  Look(g_real.valloc, "valloc");
  Look(g_real.pvalloc, "pvalloc");
  Look(g_real.mmap, "mmap");
  Look(g_real.munmap, "munmap");
  Look(g_real.mremap, "mremap");
  Look(g_real.brk, "brk");
  Look(g_real.sbrk, "sbrk");
  Look(g_real.madvise, "madvise");
  Look(g_real.exit_now, "_exit");
  Look(g_real.execve, "execve");
  Look(g_real.execvpe, "execvpe");
  Look(g_real.fexecve, "fexecve");
  Look(g_real.execveat, "execveat");
  Look(g_real.posix_spawn, "posix_spawn");
  Look(g_real.posix_spawnp, "posix_spawnp");
  Look(g_real.sigaction, "sigaction");
  Look(g_real.signal, "signal");
  Look(g_real.sysv_signal, "__sysv_signal");
  Look(g_real.sigset, "sigset");
  Look(g_real.sigignore, "sigignore");
  Look(g_real.prctl, "prctl");
  Look(g_real.syscall, "syscall");
  Look(g_real.setrlimit, "setrlimit64");
  Look(g_real.prlimit, "prlimit64");
  g_resolved = true;
  t_resolving = false;
}

void* BootstrapTake(std::size_t bytes) noexcept {
  bytes = (bytes + 15) & ~std::size_t{15};
  const std::size_t at = g_bootstrap_used.fetch_add(bytes, std::memory_order_relaxed);
  return at + bytes <= sizeof(g_bootstrap) ? g_bootstrap + at : nullptr;
}

bool IsBootstrap(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto begin = reinterpret_cast<std::uintptr_t>(g_bootstrap);
  return at - begin < sizeof(g_bootstrap);
}

}  // namespace memwhy::agent
