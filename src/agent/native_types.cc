// SPDX-License-Identifier: Apache-2.0
#include "agent/native_types.h"

#include "agent/class_name.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kSlots = 1 << 13;

std::size_t Hash(std::uint64_t value) noexcept {
  return static_cast<std::size_t>((value >> 4) * 0x9e3779b97f4a7c15ull >> 32) & (kSlots - 1);
}

}  // namespace

std::uint32_t NativeTypes::Get(std::uint64_t vtable) noexcept {
  if (vtable == 0 || (vtable & 7) != 0 || !GrowRaw(slots_, kSlots)) return 0;
  std::size_t at = Hash(vtable);
  while (slots_.items[at].vtable != 0) {
    if (slots_.items[at].vtable == vtable) return slots_.items[at].id;
    at = (at + 1) & (kSlots - 1);
  }
  const std::uint64_t info = TypeInfoOf(map_, vtable);
  if (info == 0 || used_ * 2 > kSlots) return 0;
  ++used_;
  slots_.items[at] = {vtable, 0};
  char name[wire::kMaxKeyBytes];
  const std::size_t bytes = ReadClassName(info, name, sizeof(name));
  if (bytes == 0) return 0;
  slots_.items[at].id = ++ids_;
  out_.PutTag(wire::DumpTag::kNativeType);
  out_.PutText(name, bytes);
  return slots_.items[at].id;
}

}  // namespace memwhy::agent
