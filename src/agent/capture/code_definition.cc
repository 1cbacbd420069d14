// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/code_definition.h"

#include <cstring>

#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

// The text of a str field of the code object, empty when it cannot be read.
std::size_t ReadField(Address code, std::uint32_t offset, char* out, std::uint32_t room) noexcept {
  const Address text = PeekPointer(code, offset);
  if (text == 0) return 0;
  const int n = cpython::PeekText(*g_agent.python.layout, text, out, static_cast<int>(room));
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

// Reads globals()['__name__'] of the frame; 0 when unknown. Modules have it as one of their first
// keys, so a few entries are enough; other threads cannot change the dict while we hold the GIL.
std::size_t ReadModule(const ThreadState& t, Address frame, char* out,
                       std::uint32_t room) noexcept {
  if (!HoldsGil(t)) return 0;
  const Layout& layout = *g_agent.python.layout;
  const Address globals = PeekPointer(frame, layout.frame_globals);
  if (globals == 0) return 0;
  const Address name = cpython::PeekEarlyKey(layout, globals, "__name__");
  if (name == 0) return 0;
  if ((Peek<std::uint64_t>(cpython::TypeOf(name), cpython::kTypeFlags) & cpython::kFlagStr) == 0)
    return 0;
  const int n = cpython::PeekText(layout, name, out, static_cast<int>(room));
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

}  // namespace

bool HoldsGil(const ThreadState& t) noexcept {
  const Interpreter& python = g_agent.python;
  if (python.current_thread_state == nullptr || t.attached.current == 0) return false;
  return reinterpret_cast<Address>(python.current_thread_state()) == t.attached.current;
}

bool WriteCodeDefinition(ThreadState& t, Address code, Address frame, bool* has_module) noexcept {
  const Layout& layout = *g_agent.python.layout;
  const Address table = PeekPointer(code, layout.code_line_table);
  std::int64_t table_bytes = table == 0 ? 0 : Peek<std::int64_t>(table, cpython::kVarSize);
  const bool is_left_out = table_bytes < 0 || table_bytes > wire::kMaxLineTableBytes;
  if (is_left_out) table_bytes = 0;
  const std::ptrdiff_t most = kHotRoom + 2 * static_cast<std::ptrdiff_t>(wire::kMaxNameBytes) +
                              wire::kMaxFileBytes + table_bytes;
  if (!MakeRoom(t, most)) return false;

  std::uint8_t* out = PutTag(t.write, wire::EventKind::kDefineCode);
  int first_line = Peek<int>(code, layout.code_first_line);
  // A table left out must not look like one without entries (to 3.9: all on the first line).
  if (is_left_out) first_line = 0;
  out = wire::PutVarint(out, first_line < 0 ? 0u : static_cast<std::uint64_t>(first_line));
  out = wire::PutVarint(out, g_agent.python.version >> 16);
  char text[wire::kMaxFileBytes];
  const bool qualified = layout.code_qualname != cpython::kAbsent;
  std::size_t n = ReadField(code, qualified ? layout.code_qualname : layout.code_name, text,
                            wire::kMaxNameBytes);
  out = PutText(out, text, n);
  n = ReadField(code, layout.code_filename, text, wire::kMaxFileBytes);
  out = PutText(out, text, n);
  n = ReadModule(t, frame, text, wire::kMaxNameBytes);
  *has_module = n != 0;
  out = PutText(out, text, n);
  out = PutText(out, reinterpret_cast<const char*>(table + cpython::kBytesData),
                static_cast<std::size_t>(table_bytes));
  t.write = out;
  Commit(t);
  return true;
}

bool WriteCodeModule(ThreadState& t, std::uint32_t id, Address frame) noexcept {
  char text[wire::kMaxNameBytes];
  const std::size_t n = ReadModule(t, frame, text, sizeof(text));
  if (n == 0 || !MakeRoom(t, kHotRoom + static_cast<std::ptrdiff_t>(n))) return false;
  std::uint8_t* out = PutTag(t.write, wire::EventKind::kCodeModule);
  out = wire::PutVarint(out, id);
  t.write = PutText(out, text, n);
  Commit(t);
  return true;
}

}  // namespace memwhy::agent
