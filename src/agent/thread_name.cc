// SPDX-License-Identifier: Apache-2.0
#include "agent/thread_name.h"

#include <unistd.h>

#include <cstring>

#include "agent/agent.h"
#include "agent/code_definition.h"
#include "agent/stack_cache.h"
#include "agent/stream.h"
#include "agent/thread_state.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::kAbsent;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

bool TextIs(Address str, const char* wanted) noexcept {
  char text[64];
  const int n = cpython::PeekText(*g_agent.python.layout, str, text, sizeof(text));
  return n == static_cast<int>(std::strlen(wanted)) &&
         std::memcmp(text, wanted, std::strlen(wanted)) == 0;
}

// Instance attribute `name` of an object whose attributes lie inline beside its type's shared keys
// (3.11, no __dict__ made yet), or in a plain dict. 0 when it is not found.
Address PeekAttribute(const Layout& layout, Address object, const char* name) noexcept {
  if (layout.minor != 11) return 0;
  const Address type = cpython::TypeOf(object);
  const auto flags = Peek<std::uint64_t>(type, cpython::kTypeFlags);
  if ((flags & (1u << 4)) == 0) return 0;  // Py_TPFLAGS_MANAGED_DICT
  const Address values = PeekPointer(object - 32, 0);
  if (values == 0) {
    const Address dict = PeekPointer(object - 24, 0);
    return dict == 0 ? 0 : cpython::PeekEarlyKey(layout, dict, name);
  }
  const Address keys = PeekPointer(type, layout.type_cached_keys);
  if (keys == 0) return 0;
  const Address entries = keys + layout.keys_indices +
                          (Address{1} << Peek<std::uint8_t>(keys, layout.keys_log2_index_bytes));
  const auto count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  for (std::int64_t i = 0; i < count && i < 30; ++i) {
    const Address key = PeekPointer(entries + static_cast<Address>(i) * 16, 0);
    if (key != 0 && TextIs(key, name)) return PeekPointer(values + static_cast<Address>(i) * 8, 0);
  }
  return 0;
}

}  // namespace

void NameThread(ThreadState& t, const FrameEntry* chain, std::size_t depth) noexcept {
  if (t.is_named || depth == 0 || !HoldsGil()) return;
  if (static_cast<pid_t>(t.tid) == getpid()) {
    t.is_named = true;
    WriteThreadName(t, "MainThread", 10);
    return;
  }
  const Layout& layout = *g_agent.python.layout;
  const Address code = chain[0].code;
  if (cpython::TypeOf(code) != g_agent.python.code_type) return;
  t.is_named = true;  // one look: the root of a thread does not change
  if (!TextIs(PeekPointer(code, layout.code_name), "_bootstrap")) return;
  const Address self = PeekPointer(chain[0].frame, layout.frame_locals);
  if (self == 0) return;
  const Address name = PeekAttribute(layout, self, "_name");
  if (name == 0) return;
  if ((Peek<std::uint64_t>(cpython::TypeOf(name), cpython::kTypeFlags) & (1u << 28)) == 0) return;
  char text[256];
  const int n = cpython::PeekText(layout, name, text, sizeof(text));
  if (n > 0) WriteThreadName(t, text, static_cast<std::size_t>(n));
}

}  // namespace memwhy::agent
