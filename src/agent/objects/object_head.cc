// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/object_head.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Peek;

bool IsConstant(const DumpType& facts, Address object) noexcept {
  if (DumpTypes::IsImmortal(object)) return true;
  if (facts.kind == ObjectKind::kType) {
    return (Peek<std::uint64_t>(object, cpython::kTypeFlags) & cpython::kFlagHeapType) == 0;
  }
  if (facts.is_definition) return true;
  const int minor = TheLayout().minor;
  if (minor >= 12) return false;
  // 3.11 gives what it builds in (deep-frozen modules) a count of 999,999,999.
  constexpr std::uint64_t kFrozenCount = 900'000'000;
  if (minor == 11 && ReferenceCountOf(object) >= kFrozenCount) return true;
  const PythonApi& api = g_python_api;
  if (facts.type == api.int_type) {
    const auto size = Peek<std::int64_t>(object, cpython::kVarSize);
    if (size == 0) return true;
    const auto digit = Peek<std::uint32_t>(object, cpython::kIntDigits);
    return (size == 1 && digit <= 256) || (size == -1 && digit <= 5);
  }
  if (facts.type == api.str_type || facts.type == api.bytes_type ||
      facts.kind == ObjectKind::kTuple) {
    const auto length = Peek<std::int64_t>(object, cpython::kVarSize);
    return facts.kind == ObjectKind::kTuple ? length == 0 : length <= 1;
  }
  if (facts.type == api.bool_type || facts.type == api.none_type) return true;
  // Ellipsis, NotImplemented
  return !facts.is_owned && facts.basic_bytes == cpython::kObjectBytes &&
         facts.type != api.object_type;
}

}  // namespace memwhy::agent
