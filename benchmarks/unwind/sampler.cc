// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into any program: at each tick of its CPU time it walks the stack twice, by our
// unwinder and by libgcc's, and counts where they agree. At exit one line of JSON goes to the file
// that MEMWHY_UNWIND_RATE names. A signal may come at any instruction, also in prologues, in
// linkage tables and in the vdso; both walks begin at the interrupted registers.
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "agent/ground/private_memory.h"
#include "agent/unwind/code_module.h"
#include "agent/unwind/stack_walk.h"

namespace {

using memwhy::agent::FrameRule;
using memwhy::agent::Registers;
using memwhy::agent::StackWalk;

constexpr int kMaxDepth = 2000;
std::atomic<long> g_samples, g_same, g_marked, g_wrong, g_frames, g_ours_ns, g_libgcc_ns;
std::atomic<long> g_printed;

struct Pcs {
  std::uintptr_t pcs[kMaxDepth];
  int count = 0;
};

long Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000L + now.tv_nsec;
}

_Unwind_Reason_Code Add(_Unwind_Context* context, void* out) {
  auto* pcs = static_cast<Pcs*>(out);
  int is_exact = 0;
  const std::uintptr_t pc = _Unwind_GetIPInfo(context, &is_exact);
  if (pcs->count == kMaxDepth) return _URC_END_OF_STACK;
  if (pc > 1) pcs->pcs[pcs->count++] = pc - (is_exact == 0 ? 1 : 0);
  return _URC_NO_REASON;
}

void PrintMismatch(const StackWalk& walk, const Pcs& theirs, int first) {
  if (g_printed.fetch_add(1) >= 20 || getenv("MEMWHY_UNWIND_PRINT") == nullptr) return;
  char text[256];
  for (std::size_t i = 0; i < walk.depth() + 1; ++i) {
    const int at = first + static_cast<int>(i);
    const std::uintptr_t other = at < theirs.count ? theirs.pcs[at] : 0;
    const std::uintptr_t own = i < walk.depth() ? walk.frames()[walk.depth() - 1 - i].pc : 0;
    memwhy::agent::CodeModule module;
    const bool is_found = memwhy::agent::FindModule(own == 0 ? other : own, &module);
    const int length = std::snprintf(
        text, sizeof(text), "%zu ours %lx libgcc %lx %s+%lx rule %d\n", i, own, other,
        is_found ? module.path : "?", is_found ? own - module.bias : 0,
        i < walk.depth() ? static_cast<int>(walk.frames()[walk.depth() - 1 - i].rule.base) : -1);
    if (write(2, text, static_cast<std::size_t>(length)) < 0) return;
    if (own != other) break;
  }
}

void OnTick(int, siginfo_t*, void* context) {
  static thread_local StackWalk walk;
  static thread_local Pcs theirs;
  const int saved = errno;
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const Registers at{static_cast<std::uintptr_t>(registers[REG_RIP]) + 1,
                     static_cast<std::uintptr_t>(registers[REG_RSP]),
                     static_cast<std::uintptr_t>(registers[REG_RBP])};
  const long begin = Now();
  if (!walk.Walk(at, true)) return;
  const long middle = Now();
  theirs.count = 0;
  _Unwind_Backtrace(&Add, &theirs);
  const long end = Now();
  g_ours_ns += middle - begin;
  g_libgcc_ns += end - middle;
  int first = 0;
  while (first < theirs.count && theirs.pcs[first] != at.pc - 1) ++first;
  const int count = theirs.count - first;
  g_samples += 1;
  g_frames += static_cast<long>(walk.depth());
  const int depth = static_cast<int>(walk.depth());
  int same = 0;
  while (same < depth && same < count &&
         walk.frames()[depth - 1 - same].pc == theirs.pcs[first + same]) {
    ++same;
  }
  if (same == depth && same == count) {
    g_same += 1;
  } else if (same == depth && !walk.is_whole()) {
    g_marked += 1;  // cut, and said so
    PrintMismatch(walk, theirs, first);
  } else {
    g_wrong += 1;
    PrintMismatch(walk, theirs, first);
  }
  errno = saved;
}

__attribute__((constructor)) void OnLoad() {
  if (std::getenv("MEMWHY_UNWIND_RATE") == nullptr) return;
  if (!memwhy::agent::ReservePrivateMemory() || !memwhy::agent::PrepareModules()) return;
  Pcs warm;
  _Unwind_Backtrace(&Add, &warm);
  struct sigaction action = {};
  action.sa_sigaction = &OnTick;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);
  const itimerval every{{0, 1000}, {0, 1000}};
  setitimer(ITIMER_PROF, &every, nullptr);
}

__attribute__((destructor)) void OnExit() {
  const char* path = std::getenv("MEMWHY_UNWIND_RATE");
  if (path == nullptr) return;
  const itimerval never{};
  setitimer(ITIMER_PROF, &never, nullptr);
  if (FILE* out = std::fopen(path, "w")) {
    std::fprintf(out,
                 "{\"samples\": %ld, \"same\": %ld, \"marked\": %ld, \"wrong\": %ld, "
                 "\"frames\": %ld, \"ours_ns\": %ld, \"libgcc_ns\": %ld}\n",
                 g_samples.load(), g_same.load(), g_marked.load(), g_wrong.load(), g_frames.load(),
                 g_ours_ns.load(), g_libgcc_ns.load());
    std::fclose(out);
  }
}

}  // namespace
