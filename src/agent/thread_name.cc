// SPDX-License-Identifier: Apache-2.0
#include "agent/thread_name.h"

#include <unistd.h>

#include <cstring>

#include "agent/agent.h"
#include "agent/code_definition.h"
#include "agent/stack_cache.h"
#include "agent/stream.h"
#include "agent/thread_state.h"
#include "cpython/attributes.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

bool TextIs(Address str, const char* wanted) noexcept {
  char text[64];
  const int n = cpython::PeekText(*g_agent.python.layout, str, text, sizeof(text));
  return n == static_cast<int>(std::strlen(wanted)) &&
         std::memcmp(text, wanted, std::strlen(wanted)) == 0;
}

}  // namespace

Address FindThreadName(Address frame, Address code) noexcept {
  const Layout& layout = *g_agent.python.layout;
  if (!TextIs(PeekPointer(code, layout.code_name), "_bootstrap")) return 0;
  const Address self = PeekPointer(frame, layout.frame_locals) & ~Address{layout.frame_tag};
  if (self == 0) return 0;
  const Address name = cpython::PeekAttribute(layout, self, "_name");
  if (name == 0) return 0;
  const auto flags = Peek<std::uint64_t>(cpython::TypeOf(name), cpython::kTypeFlags);
  return (flags & cpython::kFlagStr) != 0 ? name : 0;
}

void NameThread(ThreadState& t, const FrameEntry* chain, std::size_t depth) noexcept {
  if (t.is_named || depth == 0 || !HoldsGil(t)) return;
  if (static_cast<pid_t>(t.tid) == getpid()) {
    t.is_named = true;
    WriteThreadName(t, "MainThread", 10);
    return;
  }
  const Layout& layout = *g_agent.python.layout;
  const Address code = chain[0].code;
  if (cpython::TypeOf(code) != g_agent.python.code_type) return;
  t.is_named = true;  // one look: the root of a thread does not change
  const Address name = FindThreadName(chain[0].frame, code);
  if (name == 0) return;
  char text[256];
  const int n = cpython::PeekText(layout, name, text, sizeof(text));
  if (n > 0) WriteThreadName(t, text, static_cast<std::size_t>(n));
}

}  // namespace memwhy::agent
