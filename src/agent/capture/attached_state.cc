// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/attached_state.h"

#include <pthread.h>

#include "agent/capture/sandbox.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/raw_memory.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

constexpr int kWalks = 8;
constexpr int kMaxListed = 100'000;  // states of all interpreters; more is a loop or damage

// The state that the runtime's automatic key names, also while another thread holds the GIL.
Address KeyState() noexcept {
  const Interpreter& python = g_agent.python;
  const Address key = python.runtime + python.layout->runtime_auto_key;
  if (Peek<int>(key, cpython::kTssIsCreated) == 0) return 0;
  return reinterpret_cast<Address>(
      pthread_getspecific(static_cast<pthread_key_t>(Peek<unsigned>(key, cpython::kTssKey))));
}

Address CopyPointer(Address base, std::uint32_t offset) noexcept {
  Address value = 0;
  if (IsSandboxed()) return value;  // the copy is a system call
  return CopyCarefully(base + offset, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

bool IsMine(const Layout& layout, Address state) noexcept {
  return CopyPointer(state, layout.thread_id) == static_cast<Address>(pthread_self());
}

bool IsListed(const Layout& layout, Address state) noexcept {
  int seen = 0;
  Address interpreter = PeekPointer(g_agent.python.runtime, layout.runtime_interpreters);
  for (; interpreter != 0; interpreter = CopyPointer(interpreter, layout.interpreter_next)) {
    Address listed = CopyPointer(interpreter, layout.interpreter_thread_head);
    for (; listed != 0; listed = CopyPointer(listed, layout.thread_next)) {
      if (listed == state) return true;
      if (++seen > kMaxListed) return false;
    }
    if (++seen > kMaxListed) return false;
  }
  return false;
}

// Whether code runs in it, or called on from there.
bool HasFrames(const Layout& layout, Address state) noexcept {
  const Address frame = CopyPointer(state, layout.thread_frame);
  if (layout.cframe_current == cpython::kAbsent || frame == 0) return frame != 0;
  return CopyPointer(frame, layout.cframe_current) != 0;
}

Address Attach(AttachedStates& states, Address state) noexcept {
  std::uint32_t depth = 0;
  while (depth < states.depth && states.entered[depth] != state) ++depth;
  const bool is_full = depth == AttachedStates::kMax;
  if (is_full) depth = AttachedStates::kMax - 1;
  states.is_cut = is_full || (states.is_cut && depth == AttachedStates::kMax - 1);
  states.entered[depth] = state;
  states.depth = depth + 1;
  return states.current = state;
}

// While the GIL is released: the innermost state that still runs code.
Address Innermost(const Layout& layout, AttachedStates& states, Address own) noexcept {
  if (IsSandboxed() && states.depth > 0) return kUncertainState;
  for (; states.depth > 0; --states.depth) {
    const Address state = states.entered[states.depth - 1];
    if (state == own) break;
    // The one that called the last may have been replaced by it.
    if (states.is_cut && states.depth < AttachedStates::kMax) return kUncertainState;
    // What has gone has no frames left, mostly; what has frames is looked for with care, since the
    // lists may change while we walk them.
    if (!IsMine(layout, state) || !HasFrames(layout, state)) continue;
    for (int i = 0; i < kWalks; ++i) {
      if (IsListed(layout, state)) return states.current = state;
    }
    return kUncertainState;
  }
  return states.current = own;
}

}  // namespace

Address AttachedState(ThreadState& t) noexcept {
  const Interpreter& python = g_agent.python;
  const Layout& layout = *python.layout;
  AttachedStates& states = t.attached;
  const Address own = KeyState();
  if (layout.runtime_current_thread == cpython::kAbsent) return states.current = own;
  const Address newest = PeekPointer(python.runtime, layout.runtime_interpreters);
  const bool is_only_one = newest == PeekPointer(python.runtime, layout.runtime_main_interpreter);
  // The end of a sub-interpreter may empty the key of a thread that goes on in the main one.
  if (is_only_one && (own != 0 || states.current == 0)) return states.current = own;
  const Address current = PeekPointer(python.runtime, layout.runtime_current_thread);
  if (current != 0 && (current == own || IsMine(layout, current))) return Attach(states, current);
  return Innermost(layout, states, own);
}

}  // namespace memwhy::agent
