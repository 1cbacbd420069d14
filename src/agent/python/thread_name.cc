// SPDX-License-Identifier: Apache-2.0
#include "agent/python/thread_name.h"

#include <cstring>

#include "agent/ground/agent.h"
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

}  // namespace memwhy::agent
