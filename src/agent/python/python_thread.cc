// SPDX-License-Identifier: Apache-2.0
#include "agent/python/python_thread.h"

#include "agent/ground/agent.h"
#include "agent/ground/fork_gate.h"
#include "agent/python/python_api.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

constexpr int kLastThatHangs = 11;

// On later versions the forking thread has the lock already that the other needs.
bool NeedsCare(const cpython::Layout& layout) noexcept { return layout.minor <= kLastThatHangs; }

}  // namespace

void* TakeGil() noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  const cpython::Address interpreter =
      cpython::PeekPointer(g_agent.python.runtime, layout.runtime_main_interpreter);
  if (interpreter == 0) return nullptr;
  const bool needs_care = NeedsCare(layout);
  if (needs_care) CloseForkGate();
  void* const state = g_python_api.PyThreadState_New(reinterpret_cast<void*>(interpreter));
  if (needs_care) OpenForkGate();
  if (state != nullptr) g_python_api.PyEval_RestoreThread(state);
  return state;
}

void GiveGil(void* state) noexcept {
  g_python_api.PyThreadState_Clear(state);
  g_python_api.PyThreadState_DeleteCurrent();
}

}  // namespace memwhy::agent
