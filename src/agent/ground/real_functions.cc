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
void LookRealFunctions(F& slot, const char* name) noexcept {
  slot = reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

}  // namespace

bool IsResolving() noexcept { return t_resolving; }

void ResolveRealFunctions() noexcept {
  if (g_resolved || t_resolving) return;
  t_resolving = true;
  LookRealFunctions(g_real.malloc, "malloc");
  LookRealFunctions(g_real.calloc, "calloc");
  LookRealFunctions(g_real.realloc, "realloc");
  LookRealFunctions(g_real.reallocarray, "reallocarray");
  LookRealFunctions(g_real.free, "free");
  LookRealFunctions(g_real.posix_memalign, "posix_memalign");
  LookRealFunctions(g_real.aligned_alloc, "aligned_alloc");
  LookRealFunctions(g_real.memalign, "memalign");
  LookRealFunctions(g_real.valloc, "valloc");
  LookRealFunctions(g_real.pvalloc, "pvalloc");
  LookRealFunctions(g_real.mmap, "mmap");
  LookRealFunctions(g_real.munmap, "munmap");
  LookRealFunctions(g_real.mremap, "mremap");
  LookRealFunctions(g_real.brk, "brk");
  LookRealFunctions(g_real.sbrk, "sbrk");
  LookRealFunctions(g_real.madvise, "madvise");
  LookRealFunctions(g_real.exit_now, "_exit");
  LookRealFunctions(g_real.execve, "execve");
  LookRealFunctions(g_real.execvpe, "execvpe");
  LookRealFunctions(g_real.fexecve, "fexecve");
  LookRealFunctions(g_real.execveat, "execveat");
  LookRealFunctions(g_real.posix_spawn, "posix_spawn");
  LookRealFunctions(g_real.posix_spawnp, "posix_spawnp");
  LookRealFunctions(g_real.sigaction, "sigaction");
  LookRealFunctions(g_real.signal, "signal");
  LookRealFunctions(g_real.sysv_signal, "__sysv_signal");
  LookRealFunctions(g_real.sigset, "sigset");
  LookRealFunctions(g_real.sigignore, "sigignore");
  LookRealFunctions(g_real.prctl, "prctl");
  LookRealFunctions(g_real.syscall, "syscall");
  LookRealFunctions(g_real.setrlimit, "setrlimit64");
  LookRealFunctions(g_real.prlimit, "prlimit64");
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
