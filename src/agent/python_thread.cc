// SPDX-License-Identifier: Apache-2.0
#include "agent/python_thread.h"

#include <time.h>

#include <atomic>

#include "agent/agent.h"
#include "agent/python_api.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

constexpr int kLastThatHangs = 11;
constexpr int kMostWaits = 10'000;  // of 100 us: rather a risk than a fork that never comes

// One of both waits for the other: each says first what it does and looks then.
std::atomic<int> g_forks{0};
std::atomic<int> g_is_adding{0};

void Wait() noexcept {
  const timespec wait{0, 100'000};
  nanosleep(&wait, nullptr);
}

bool NeedsCare() noexcept {
  const cpython::Layout* layout = g_agent.python.layout;
  return layout != nullptr && layout->minor <= kLastThatHangs;
}

void BeginAdding() noexcept {
  for (int left = kMostWaits; left > 0; --left) {
    g_is_adding.store(1);
    if (g_forks.load() == 0) return;
    g_is_adding.store(0);
    Wait();
  }
  g_is_adding.store(1);
}

}  // namespace

void* TakeGil() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  const cpython::Address interpreter =
      cpython::PeekPointer(g_agent.python.runtime, layout.runtime_main_interpreter);
  if (interpreter == 0) return nullptr;
  const bool needs_care = NeedsCare();
  if (needs_care) BeginAdding();
  void* const state = g_python_api.PyThreadState_New(reinterpret_cast<void*>(interpreter));
  if (needs_care) g_is_adding.store(0);
  if (state != nullptr) g_python_api.PyEval_RestoreThread(state);
  return state;
}

void GiveGil(void* state) noexcept {
  g_python_api.PyThreadState_Clear(state);
  g_python_api.PyThreadState_DeleteCurrent();
}

// Not on later versions: there the forking thread has the lock already that the other needs.
void KeepThreadsOutBeforeFork() noexcept {
  if (!NeedsCare()) return;
  g_forks.fetch_add(1);
  for (int left = kMostWaits; left > 0 && g_is_adding.load() != 0; --left) Wait();
}

void LetThreadsInAfterFork(bool is_child) noexcept {
  if (!NeedsCare()) return;
  if (is_child) {
    g_forks.store(0);
    g_is_adding.store(0);
  } else {
    g_forks.fetch_sub(1);
  }
}

}  // namespace memwhy::agent
