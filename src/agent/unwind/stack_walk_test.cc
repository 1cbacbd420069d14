// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include "agent/unwind/stack_walk.h"

#include <alloca.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unwind.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "agent/ground/private_memory.h"
#include "agent/unwind/code_module.h"

namespace memwhy::agent {
namespace {

// Innermost first, as looked up: return addresses less one.
using Pcs = std::vector<std::uintptr_t>;

Pcs OfLibgcc() {
  Pcs pcs;
  const auto add = [](_Unwind_Context* context, void* out) {
    int is_exact = 0;
    const std::uintptr_t pc = _Unwind_GetIPInfo(context, &is_exact);
    static_cast<Pcs*>(out)->push_back(pc - (is_exact == 0 ? 1 : 0));
    return _URC_NO_REASON;
  };
  _Unwind_Backtrace(add, &pcs);
  return pcs;
}

// The callers of the function that calls this; both are taken at one place.
struct Both {
  Pcs ours;
  Pcs libgccs;
  bool is_whole = false;
};

StackWalk& TheWalk() {
  static thread_local StackWalk walk;
  return walk;
}

[[gnu::noinline]] Both Take() {
  Registers here;
  asm volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
               : "=r"(here.pc), "=r"(here.sp), "=r"(here.rbp));
  Both both;
  StackWalk& walk = TheWalk();
  EXPECT_TRUE(walk.Walk(here, true));
  for (std::size_t i = walk.depth(); i > 0; --i) both.ours.push_back(walk.frames()[i - 1].pc);
  both.is_whole = walk.is_whole();
  both.libgccs = OfLibgcc();
  // The frames of this function, and above it, differ.
  both.ours.erase(both.ours.begin());
  const auto caller = std::find(both.libgccs.begin(), both.libgccs.end(), both.ours.front());
  both.libgccs.erase(both.libgccs.begin(), caller);
  // libgcc's last frame has no entry in any table, or its end.
  while (!both.libgccs.empty() && both.libgccs.back() == ~std::uintptr_t{0}) {
    both.libgccs.pop_back();
  }
  return both;
}

void ExpectEqual(const Both& both) {
  EXPECT_TRUE(both.is_whole);
  EXPECT_EQ(both.ours, both.libgccs);
}

int g_checks = 0;

[[gnu::noinline]] int Recurse(int depth, int width) {
  auto* room = static_cast<volatile char*>(alloca(static_cast<std::size_t>(width)));
  room[0] = 1;
  if (depth == 0) {
    ExpectEqual(Take());
    ++g_checks;
    return room[0];
  }
  return Recurse(depth - 1, (width * 7) % 500 + 1) + room[0];
}

// A stack pointer that is aligned by hand: its CFA is an expression.
[[gnu::noinline]] int Aligned(int depth) {
  alignas(64) volatile char room[256];
  room[depth] = static_cast<char>(depth);
  auto* more = static_cast<volatile char*>(alloca(static_cast<std::size_t>(depth) * 16 + 16));
  more[0] = 0;
  return Recurse(depth, 40) + room[depth] + more[0];
}

class StackWalkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ReservePrivateMemory());
    if (!PrepareModules()) GTEST_SKIP() << "needs glibc 2.35: this one has no _dl_find_object";
    g_checks = 0;
  }
};

TEST_F(StackWalkTest, EqualsLibgccsInOwnCode) {
  for (int depth = 0; depth < 40; ++depth) Recurse(depth, 30);
  for (int depth = 40; depth > 0; --depth) Recurse(depth % 7, depth);
  for (int depth = 0; depth < 12; ++depth) Aligned(depth);
  Recurse(1500, 10);
  EXPECT_EQ(g_checks, 40 + 40 + 12 + 1);
}

TEST_F(StackWalkTest, EqualsLibgccsThroughTheCLibrary) {
  std::vector<int> numbers{5, 1, 4, 2, 3};
  std::qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* a, const void* b) {
    Recurse(3, 20);
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
  });
  EXPECT_GT(g_checks, 3);
  std::thread([] { Recurse(5, 50); }).join();
}

void OnSignal(int) { Recurse(2, 33); }

TEST_F(StackWalkTest, GoesOnBelowASignalHandler) {
  struct sigaction action = {};
  action.sa_handler = &OnSignal;
  struct sigaction before = {};
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  for (int i = 0; i < 3; ++i) raise(SIGUSR1);
  EXPECT_EQ(g_checks, 3);
  // The same on a stack of its own.
  std::vector<char> memory(64 * 1024);
  stack_t own = {};
  own.ss_sp = memory.data();
  own.ss_size = memory.size();
  stack_t old = {};
  ASSERT_EQ(sigaltstack(&own, &old), 0);
  action.sa_flags = SA_ONSTACK;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  for (int i = 0; i < 3; ++i) raise(SIGUSR1);
  EXPECT_EQ(g_checks, 6);
  sigaltstack(&old, nullptr);
  sigaction(SIGUSR1, &before, nullptr);
}

ucontext_t g_outside;
ucontext_t g_fiber;
Both g_in_fiber;

void InFiber() {
  g_in_fiber = Take();
  swapcontext(&g_fiber, &g_outside);
}

TEST_F(StackWalkTest, SaysWhereAStackOfAnotherKindEnds) {
  std::vector<char> memory(256 * 1024);
  ASSERT_EQ(getcontext(&g_fiber), 0);
  g_fiber.uc_stack.ss_sp = memory.data();
  g_fiber.uc_stack.ss_size = memory.size();
  g_fiber.uc_link = nullptr;
  makecontext(&g_fiber, &InFiber, 0);
  ASSERT_EQ(swapcontext(&g_outside, &g_fiber), 0);
  ASSERT_FALSE(g_in_fiber.ours.empty());
  EXPECT_LE(g_in_fiber.ours.size(), 3u);
  Recurse(4, 20);  // and back
}

// Another caller of the same frames, at the same addresses.
[[gnu::noinline]] int Twice(int way) {
  volatile int sum = 0;
  if (way == 0) sum = sum + Recurse(6, 16);
  if (way == 1) sum = sum + Recurse(6, 16);
  return sum;
}

TEST_F(StackWalkTest, ComparesCallersThatItKnew) {
  for (int i = 0; i < 10; ++i) Twice(i % 2);
  EXPECT_EQ(g_checks, 10);
}

TEST_F(StackWalkTest, IsCutWhereThereAreNoTables) {
  // push %rbp; mov %rsp, %rbp; call *%rdi; pop %rbp; ret
  const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
  void* page =
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  // Not at its begin: a sanitizer looks for a function's type in front of it.
  auto* const function = static_cast<unsigned char*>(page) + 64;
  std::copy(std::begin(code), std::end(code), function);
  static Both both;
  const auto call = reinterpret_cast<void (*)(void (*)())>(function);
  call([] { both = Take(); });
  EXPECT_FALSE(both.is_whole);
  ASSERT_EQ(both.ours.size(), 2u);
  EXPECT_EQ(both.ours[1], reinterpret_cast<std::uintptr_t>(function) + 5);
  munmap(page, 4096);
}

TEST_F(StackWalkTest, MakesNoSystemCallWhereItMustNot) {
  StackWalk walk;
  Registers here;
  asm volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"
               : "=r"(here.pc), "=r"(here.sp), "=r"(here.rbp));
  std::vector<char> far(64);
  ASSERT_TRUE(walk.Walk(here, false));
  EXPECT_GE(walk.depth(), 1u);
}

}  // namespace
}  // namespace memwhy::agent
#endif  // __x86_64__
