// SPDX-License-Identifier: Apache-2.0
//
// The allocator below us: the next definition of each entry point in the loader's order, so that a
// preloaded or linked jemalloc, tcmalloc or mimalloc stays in charge.
#pragma once

#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

struct RealFunctions {
  void* (*malloc)(std::size_t);
  void* (*calloc)(std::size_t, std::size_t);
  void* (*realloc)(void*, std::size_t);
  void* (*reallocarray)(void*, std::size_t, std::size_t);
  void (*free)(void*);
  int (*posix_memalign)(void**, std::size_t, std::size_t);
  void* (*aligned_alloc)(std::size_t, std::size_t);
  void* (*memalign)(std::size_t, std::size_t);
  void* (*valloc)(std::size_t);
  void* (*pvalloc)(std::size_t);
  void* (*mmap)(void*, std::size_t, int, int, int, off_t);
  int (*munmap)(void*, std::size_t);
  void* (*mremap)(void*, std::size_t, std::size_t, int, ...);
  int (*brk)(void*);
  void* (*sbrk)(std::intptr_t);
  int (*madvise)(void*, std::size_t, int);
  void (*exit_now)(int);  // _exit
  int (*execve)(const char*, char* const[], char* const[]);
  int (*execvpe)(const char*, char* const[], char* const[]);
  int (*fexecve)(int, char* const[], char* const[]);
  int (*execveat)(int, const char*, char* const[], char* const[], int);  // null before glibc 2.34
  int (*posix_spawn)(pid_t*, const char*, const posix_spawn_file_actions_t*,
                     const posix_spawnattr_t*, char* const[], char* const[]);
  int (*posix_spawnp)(pid_t*, const char*, const posix_spawn_file_actions_t*,
                      const posix_spawnattr_t*, char* const[], char* const[]);
  int (*sigaction)(int, const struct sigaction*, struct sigaction*);
  void (*(*signal)(int, void (*)(int)))(int);
  void (*(*sysv_signal)(int, void (*)(int)))(int);
  void (*(*sigset)(int, void (*)(int)))(int);
  int (*sigignore)(int);
  int (*prctl)(int, ...);
  long (*syscall)(long, ...);
  int (*setrlimit)(int, const void*);
  int (*prlimit)(pid_t, int, const void*, void*);
  int (*dlclose)(void*);
};

extern RealFunctions g_real;

// Fills g_real once. Context: any thread, also before constructors ran; while it runs, requests for
// memory on this thread are served from a static area (BootstrapTake).
void ResolveRealFunctions() noexcept;
extern bool g_resolved;
bool IsResolving() noexcept;

// Memory of a static area for requests that come while the real functions are looked up. Never
// given back. nullptr when used up.
void* BootstrapTake(std::size_t bytes) noexcept;
bool IsBootstrap(const void* address) noexcept;

}  // namespace memwhy::agent
