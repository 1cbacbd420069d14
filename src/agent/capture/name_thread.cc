// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/name_thread.h"

#include "agent/capture/code_definition.h"
#include "agent/capture/sandbox.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/redaction.h"
#include "agent/python/thread_name.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Layout;

void NameThread(ThreadState& t, Address frame, Address code) noexcept {
  if (t.is_named || !HoldsGil(t)) return;
  if (static_cast<pid_t>(t.tid) == OwnPid()) {
    t.is_named = true;
    WriteThreadName(t, "MainThread", 10);
    return;
  }
  const Layout& layout = *g_agent.python.layout;
  if (cpython::TypeOf(code) != g_agent.python.code_type) return;
  t.is_named = true;  // one look: the root of a thread does not change
  const Address name = FindThreadName(frame, code);
  if (name == 0) return;
  char text[256];
  const int n = cpython::PeekText(layout, name, text, sizeof(text));
  if (n <= 0) return;
  if (!g_redaction.is_on) return WriteThreadName(t, text, static_cast<std::size_t>(n));
  char token[wire::kMaxTokenBytes];
  WriteThreadName(
      t, token,
      wire::PutToken(g_redaction.key, "thread", text, static_cast<std::size_t>(n), token));
}

}  // namespace memwhy::agent
