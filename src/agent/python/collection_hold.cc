// SPDX-License-Identifier: Apache-2.0
#include "agent/python/collection_hold.h"

#include <atomic>
#include <climits>

#include "agent/ground/agent.h"
#include "agent/python/python_api.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::kAbsent;
using cpython::Peek;

// What a new object adds to and an old one takes from only above zero.
constexpr int kHeldCount = INT_MIN / 2;

// Written with the GIL held, with which Python forks, too.
std::atomic<bool> g_is_held{false};
int* g_count = nullptr;  // of the youngest generation; null: the collector is disabled instead
int g_count_before = 0;

Address CurrentCollector() noexcept {
  return CollectorOf(reinterpret_cast<Address>(g_python_api.PyInterpreterState_Get()));
}

// struct gc_generation {PyGC_Head head; int threshold; int count}
int* CountOfYoungest() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (layout.gc_generations == kAbsent) return nullptr;
  return reinterpret_cast<int*>(CurrentCollector() + layout.gc_generations + layout.gc_head_bytes +
                                sizeof(int));
}

int* EnabledFlag() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (layout.gc_enabled == kAbsent) return nullptr;
  return reinterpret_cast<int*>(CurrentCollector() + layout.gc_enabled);
}

// Whether it was on.
bool Disable() noexcept {
  if (g_python_api.PyGC_Disable != nullptr) return g_python_api.PyGC_Disable() != 0;
  int* const flag = EnabledFlag();
  if (flag == nullptr) return false;
  const bool before = *flag != 0;
  *flag = 0;
  return before;
}

void Enable() noexcept {
  if (g_python_api.PyGC_Enable != nullptr) {
    g_python_api.PyGC_Enable();
  } else if (int* const flag = EnabledFlag(); flag != nullptr) {
    *flag = 1;
  }
}

}  // namespace

bool IsCollecting() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  return Peek<int>(CurrentCollector(), layout.gc_collecting) != 0;
}

bool IsCollectorOn() noexcept {
  if (g_python_api.PyGC_IsEnabled != nullptr) return g_python_api.PyGC_IsEnabled() != 0;
  const int* const flag = EnabledFlag();
  return flag != nullptr && *flag != 0;
}

bool HoldCollection() noexcept {
  if (!IsCollectorOn()) return false;
  g_count = CountOfYoungest();
  if (g_count != nullptr) {
    g_count_before = *g_count;
    *g_count = kHeldCount;
  } else {
    Disable();
  }
  g_is_held.store(true, std::memory_order_relaxed);
  return true;
}

void ReleaseCollection() noexcept {
  if (!g_is_held.load(std::memory_order_relaxed)) return;
  g_is_held.store(false, std::memory_order_relaxed);
  if (g_count == nullptr) {
    Enable();
  } else if (*g_count < 0) {  // else a collection by hand has set it
    const int made = *g_count - kHeldCount;
    *g_count = made < INT_MAX - g_count_before ? g_count_before + made : INT_MAX;
  }
}

void LeaveHoldAfterFork() noexcept {
  if (!g_is_held.load(std::memory_order_relaxed)) return;
  // Without a thread state there is no interpreter to tell: C code forked without the GIL.
  const auto current = g_agent.python.current_thread_state;
  if (current != nullptr && current() != nullptr) ReleaseCollection();
}

}  // namespace memwhy::agent
