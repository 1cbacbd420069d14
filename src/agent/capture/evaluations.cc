// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/evaluations.h"

#include <algorithm>

#include "agent/capture/native_stack.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "cpython/layout.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Layout;
using cpython::PeekPointer;

bool AddEvaluation(NativeStack& native, const Evaluation& evaluation) noexcept {
  if (native.evaluation_count == native.evaluation_capacity) {
    const std::uint32_t capacity =
        native.evaluation_capacity == 0 ? 64 : native.evaluation_capacity * 2;
    auto* wider = static_cast<Evaluation*>(TakePrivate(capacity * sizeof(Evaluation)));
    if (wider == nullptr) return false;
    for (std::uint32_t i = 0; i < native.evaluation_count; ++i) wider[i] = native.evaluations[i];
    native.evaluations = wider;
    native.evaluation_capacity = capacity;
  }
  native.evaluations[native.evaluation_count++] = evaluation;
  return true;
}

// From 3.12 on the chain holds the shims themselves, each just outwards of what it runs.
bool CollectByShims(const StackCache& cache, NativeStack& native) noexcept {
  const auto depth = static_cast<std::uint32_t>(cache.depth);
  for (std::uint32_t i = 0; i < depth; ++i) {
    if (cache.chain[i].state.owner < cpython::kOwnedByCStack) {
      if (native.evaluation_count == 0) return false;
      native.evaluations[native.evaluation_count - 1].end = i + 1;
    } else if (!AddEvaluation(native, {cache.chain[i].frame, i + 1, i + 1})) {
      return false;
    }
  }
  // The base frame of a thread is no evaluation, nor is one that runs nothing yet.
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < native.evaluation_count; ++i) {
    if (native.evaluations[i].begin == native.evaluations[i].end) continue;
    native.evaluations[kept++] = native.evaluations[i];
  }
  native.evaluation_count = kept;
  return true;
}

// 3.10 to 3.12: a list of CFrames, innermost first; the last is the thread state's own.
bool CollectByCFrames(const Layout& layout, Address thread, const StackCache& cache,
                      NativeStack& native) noexcept {
  auto end = static_cast<std::uint32_t>(cache.depth);
  Address c_frame = PeekPointer(thread, layout.thread_c_frame);
  while (c_frame != 0 && end > 0) {
    const Address outer = PeekPointer(c_frame, layout.cframe_previous);
    if (outer == 0) break;
    std::uint32_t begin = end - 1;
    if (layout.cframe_current != cpython::kAbsent) {
      const Address current = PeekPointer(c_frame, layout.cframe_current);
      const Address caller = PeekPointer(outer, layout.cframe_current);
      if (current != cache.chain[end - 1].frame) return false;
      while (begin > 0 && cache.chain[begin - 1].frame != caller) --begin;
    }
    if (!AddEvaluation(native, {c_frame, begin, end})) return false;
    end = begin;
    c_frame = outer;
  }
  std::reverse(native.evaluations, native.evaluations + native.evaluation_count);
  return end == 0;
}

}  // namespace

bool HasAnchors() noexcept { return TheLayout().minor >= 10; }

bool CollectEvaluations(ThreadState& t, NativeStack& native) noexcept {
  const Layout& layout = TheLayout();
  const StackCache& cache = t.stacks;
  if (layout.minor >= 12) return CollectByShims(cache, native);
  if (layout.minor >= 10) return CollectByCFrames(layout, t.attached.current, cache, native);
  for (std::uint32_t i = 0; i < cache.depth; ++i) {
    if (!AddEvaluation(native, {cache.chain[i].frame, i, i + 1})) return false;
  }
  return true;
}

}  // namespace memwhy::agent
