// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/real_functions.h"

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
void LookNext(F& slot, const char* name) noexcept {
  slot = reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

}  // namespace

bool IsResolving() noexcept { return t_resolving; }

void ResolveRealFunctions() noexcept {
  if (g_resolved || t_resolving) return;
  t_resolving = true;
  LookNext(g_real.malloc, "malloc");
  LookNext(g_real.calloc, "calloc");
  LookNext(g_real.realloc, "realloc");
  LookNext(g_real.reallocarray, "reallocarray");
  LookNext(g_real.free, "free");
  LookNext(g_real.posix_memalign, "posix_memalign");
  LookNext(g_real.aligned_alloc, "aligned_alloc");
  LookNext(g_real.memalign, "memalign");
  LookNext(g_real.valloc, "valloc");
  LookNext(g_real.pvalloc, "pvalloc");
  LookNext(g_real.mmap, "mmap");
  LookNext(g_real.munmap, "munmap");
  LookNext(g_real.mremap, "mremap");
  LookNext(g_real.brk, "brk");
  LookNext(g_real.sbrk, "sbrk");
  LookNext(g_real.madvise, "madvise");
  LookNext(g_real.exit_now, "_exit");
  LookNext(g_real.execve, "execve");
  LookNext(g_real.execvpe, "execvpe");
  LookNext(g_real.fexecve, "fexecve");
  LookNext(g_real.execveat, "execveat");
  LookNext(g_real.posix_spawn, "posix_spawn");
  LookNext(g_real.posix_spawnp, "posix_spawnp");
  LookNext(g_real.sigaction, "sigaction");
  LookNext(g_real.signal, "signal");
  LookNext(g_real.sysv_signal, "__sysv_signal");
  LookNext(g_real.sigset, "sigset");
  LookNext(g_real.sigignore, "sigignore");
  LookNext(g_real.prctl, "prctl");
  LookNext(g_real.syscall, "syscall");
  LookNext(g_real.setrlimit, "setrlimit64");
  LookNext(g_real.prlimit, "prlimit64");
  LookNext(g_real.dlclose, "dlclose");
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
