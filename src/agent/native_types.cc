// SPDX-License-Identifier: Apache-2.0
#include "agent/native_types.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kSlots = 1 << 13;
constexpr std::uint64_t kLeastAddress = 1 << 20;

std::size_t Hash(std::uint64_t value) noexcept {
  return static_cast<std::size_t>((value >> 4) * 0x9e3779b97f4a7c15ull >> 32) & (kSlots - 1);
}

}  // namespace

std::uint32_t NativeTypes::Get(std::uint64_t vtable) noexcept {
  if ((vtable & 7) != 0) return 0;
  const Mapping* mapping = map_.Find(vtable);
  const bool is_library_data =
      mapping != nullptr && mapping->is_file && mapping->is_readable && !mapping->is_executable;
  if (!is_library_data || !GrowRaw(slots_, kSlots)) return 0;
  std::size_t at = Hash(vtable);
  while (slots_.items[at].vtable != 0) {
    if (slots_.items[at].vtable == vtable) return slots_.items[at].id;
    at = (at + 1) & (kSlots - 1);
  }
  if (used_ * 2 > kSlots) return 0;
  ++used_;
  slots_.items[at] = {vtable, 0};
  // Itanium C++ ABI: the word before the first virtual function is the type_info, whose second word
  // is the mangled name.
  std::uint64_t info = 0;
  std::uint64_t text = 0;
  char name[wire::kMaxKeyBytes] = {};
  if (CopyCarefully(vtable - 8, &info, 8) != 8 || (info & 7) != 0 || info < kLeastAddress) return 0;
  if (CopyCarefully(info + 8, &text, 8) != 8 || text < kLeastAddress) return 0;
  const std::size_t got = CopyCarefully(text, name, sizeof(name) - 1);
  std::size_t n = 0;
  while (n < got && name[n] > ' ' && name[n] < 0x7f) ++n;
  const bool is_plausible =
      n >= 3 && (n == got || name[n] == 0) &&
      (name[0] == 'N' || name[0] == 'S' || name[0] == '*' || (name[0] >= '0' && name[0] <= '9'));
  if (!is_plausible) return 0;
  slots_.items[at].id = ++ids_;
  out_.PutTag(wire::DumpTag::kNativeType);
  out_.PutText(name, n);
  return slots_.items[at].id;
}

}  // namespace memwhy::agent
