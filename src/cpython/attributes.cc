// SPDX-License-Identifier: Apache-2.0
#include "cpython/attributes.h"

#include <cstring>

namespace memwhy::cpython {
namespace {

constexpr std::uint64_t kFlagInlineValues = 1u << 2;  // 3.13

bool TextIs(const Layout& layout, Address str, const char* wanted) noexcept {
  char text[64];
  const int n = PeekText(layout, str, text, sizeof(text));
  return n == static_cast<int>(std::strlen(wanted)) &&
         std::memcmp(text, wanted, static_cast<std::size_t>(n)) == 0;
}

// A split table (to 3.10): the keys are shared, this dict has only the values.
Address PeekSplit(const Layout& layout, Address dict, const char* name) noexcept {
  const Address values = PeekPointer(dict, layout.dict_values);
  const Address keys = PeekPointer(dict, layout.dict_keys);
  if (values == 0 || keys == 0 || layout.keys_size == kAbsent) return 0;
  const auto size = Peek<std::int64_t>(keys, layout.keys_size);
  const int index_bytes = size <= 0xff ? 1 : size <= 0xffff ? 2 : 4;
  const Address entries = keys + layout.keys_indices + static_cast<Address>(size * index_bytes);
  const auto count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  for (std::int64_t i = 0; i < count && i < 64; ++i) {
    const Address key = PeekPointer(entries + static_cast<Address>(i) * kEntryBytes, kEntryKey);
    if (key != 0 && TextIs(layout, key, name)) {
      return PeekPointer(values + static_cast<Address>(i) * 8, 0);
    }
  }
  return 0;
}

}  // namespace

Attributes FindAttributes(const Layout& layout, Address object) noexcept {
  Attributes found;
  const Address type = TypeOf(object);
  const auto flags = Peek<std::uint64_t>(type, kTypeFlags);
  if (layout.minor <= 10 || (flags & kFlagManagedDict) == 0) {
    const auto offset = Peek<std::int64_t>(type, kTypeDictOffset);
    if (offset > 0) found.dict = PeekPointer(object + static_cast<Address>(offset), 0);
    return found;
  }
  const Address word = PeekPointer(object - kManagedDictBefore, 0);
  if (layout.minor == 11) {
    found.dict = word;
    found.values = PeekPointer(object - kManagedDictBefore - 8, 0);
  } else if (layout.minor == 12) {
    if ((word & 1) != 0) {
      found.values = word + 1;
    } else {
      found.dict = word;
    }
  } else {
    found.dict = word;
    const Address inlined = object + Peek<Address>(type, kTypeBasicSize);
    if ((flags & kFlagInlineValues) != 0 && Peek<std::uint8_t>(inlined, layout.values_valid) != 0) {
      found.values = inlined + layout.values_first;
    }
  }
  const Address keys = PeekPointer(type, layout.type_cached_keys);
  if (found.values == 0 || keys == 0) {
    found.values = 0;
    return found;
  }
  found.entries = keys + layout.keys_indices +
                  (Address{1} << Peek<std::uint8_t>(keys, layout.keys_log2_index_bytes));
  found.count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  return found;
}

Address PeekAttribute(const Layout& layout, Address object, const char* name) noexcept {
  const Attributes found = FindAttributes(layout, object);
  for (std::int64_t i = 0; found.values != 0 && i < found.count; ++i) {
    const Address key =
        PeekPointer(found.entries + static_cast<Address>(i) * kShortEntryBytes, kShortEntryKey);
    if (key != 0 && TextIs(layout, key, name)) {
      return PeekPointer(found.values + static_cast<Address>(i) * 8, 0);
    }
  }
  if (found.dict == 0) return 0;
  const Address value = PeekEarlyKey(layout, found.dict, name);
  return value != 0 ? value : PeekSplit(layout, found.dict, name);
}

}  // namespace memwhy::cpython
