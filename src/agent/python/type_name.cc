// SPDX-License-Identifier: Apache-2.0
#include "agent/python/type_name.h"

#include <cstring>

#include "agent/ground/agent.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

bool IsStr(Address object) noexcept {
  return object != 0 && (Peek<std::uint64_t>(cpython::TypeOf(object), cpython::kTypeFlags) &
                         cpython::kFlagStr) != 0;
}

std::size_t NameOfType(Address type, char* out, std::size_t room) noexcept {
  const auto flags = Peek<std::uint64_t>(type, cpython::kTypeFlags);
  const auto* plain = reinterpret_cast<const char*>(PeekPointer(type, cpython::kTypeName));
  if ((flags & cpython::kFlagHeapType) == 0) {
    const std::size_t n = strnlen(plain, room);
    std::memcpy(out, plain, n);
    return n;
  }
  const cpython::Layout& layout = *g_agent.python.layout;
  std::size_t n = 0;
  const Address dict = PeekPointer(type, cpython::kTypeDict);
  const Address module = dict == 0 ? 0 : cpython::PeekEarlyKey(layout, dict, "__module__");
  if (IsStr(module)) {
    const int length = cpython::PeekText(layout, module, out, static_cast<int>(room / 2));
    if (length > 0 && !(length == 8 && std::memcmp(out, "builtins", 8) == 0)) {
      n = static_cast<std::size_t>(length);
      out[n++] = '.';
    }
  }
  // A type made from a PyType_Spec keeps the whole name, wherever its dict has __module__.
  if (n == 0 && std::memchr(plain, '.', strnlen(plain, room)) != nullptr) {
    const std::size_t whole = strnlen(plain, room);
    std::memcpy(out, plain, whole);
    return whole;
  }
  const Address name = PeekPointer(type, layout.type_qualified_name);
  const int length =
      IsStr(name) ? cpython::PeekText(layout, name, out + n, static_cast<int>(room - n)) : -1;
  if (length > 0) return n + static_cast<std::size_t>(length);
  const std::size_t rest = strnlen(plain, room - n);
  std::memcpy(out + n, plain, rest);
  return n + rest;
}

}  // namespace memwhy::agent
