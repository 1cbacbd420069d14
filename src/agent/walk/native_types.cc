// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/native_types.h"

#include "agent/memory/class_name.h"

namespace memwhy::agent {
namespace {
constexpr std::size_t kMaxNativeClasses = 1 << 12;
}  // namespace

std::uint32_t NativeTypes::Get(std::uint64_t vtable) noexcept {
  if (vtable == 0 || (vtable & 7) != 0) return 0;
  if (const Slot* known = classes_.Find(vtable); known != nullptr) return known->id;
  const std::uint64_t info = TypeInfoOf(map_, vtable);
  if (info == 0 || classes_.used() > kMaxNativeClasses) return 0;
  Slot* slot = classes_.Add({vtable, 0});
  if (slot == nullptr) return 0;
  char name[wire::kMaxKeyBytes];
  const std::size_t bytes = ReadClassName(info, name, sizeof(name));
  if (bytes == 0) return 0;
  slot->id = ++ids_;
  out_.PutTag(wire::DumpTag::kNativeType);
  out_.PutText(name, bytes);
  return slot->id;
}

}  // namespace memwhy::agent
