// SPDX-License-Identifier: Apache-2.0
#include "cpython/peek.h"

namespace memwhy::cpython {
namespace {

char* PutUtf8(char* out, const char* end, std::uint32_t c) noexcept {
  if (c >= 0xd800 && c < 0xe000) c = '?';
  if (c < 0x80) {
    if (end - out < 1) return nullptr;
    *out++ = static_cast<char>(c);
  } else if (c < 0x800) {
    if (end - out < 2) return nullptr;
    *out++ = static_cast<char>(0xc0 | (c >> 6));
    *out++ = static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    if (end - out < 3) return nullptr;
    *out++ = static_cast<char>(0xe0 | (c >> 12));
    *out++ = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    *out++ = static_cast<char>(0x80 | (c & 0x3f));
  } else {
    if (end - out < 4) return nullptr;
    *out++ = static_cast<char>(0xf0 | ((c >> 18) & 7));
    *out++ = static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    *out++ = static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    *out++ = static_cast<char>(0x80 | (c & 0x3f));
  }
  return out;
}

}  // namespace

int PeekText(const Layout& layout, Address str, char* out, int room) noexcept {
  const auto length = Peek<std::int64_t>(str, kStrLength);
  const auto state = Peek<std::uint32_t>(str, kStrState);
  const std::uint32_t kind = (state >> kStrKindShift) & 7;
  const bool compact = ((state >> kStrCompactShift) & 1) != 0;
  const bool ascii = ((state >> kStrAsciiShift) & 1) != 0;
  if (!compact || length < 0 || (kind != 1 && kind != 2 && kind != 4)) return -1;
  const Address data = str + (ascii ? layout.unicode_ascii_bytes : layout.unicode_compact_bytes);
  if (ascii) {
    const int n = length < room ? static_cast<int>(length) : room;
    std::memcpy(out, reinterpret_cast<const void*>(data), static_cast<std::size_t>(n));
    return n;
  }
  char* at = out;
  const char* end = out + room;
  for (std::int64_t i = 0; i < length; ++i) {
    const Address where = data + static_cast<Address>(i) * kind;
    const std::uint32_t c = kind == 1   ? Peek<std::uint8_t>(where, 0)
                            : kind == 2 ? Peek<std::uint16_t>(where, 0)
                                        : Peek<std::uint32_t>(where, 0);
    char* next = PutUtf8(at, end, c);
    if (next == nullptr) break;
    at = next;
  }
  return static_cast<int>(at - out);
}

Address PeekEarlyKey(const Layout& layout, Address dict, const char* name) noexcept {
  if (PeekPointer(dict, layout.dict_values) != 0) return 0;  // split table: not a module's dict
  const Address keys = PeekPointer(dict, layout.dict_keys);
  if (keys == 0) return 0;
  Address entries = keys + layout.keys_indices;
  std::uint32_t entry_bytes = kEntryBytes;
  std::uint32_t key_at = kEntryKey;
  if (layout.keys_size != kAbsent) {
    const auto size = Peek<std::int64_t>(keys, layout.keys_size);
    const int index_bytes = size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8;
    entries += static_cast<Address>(size * index_bytes);
  } else {
    entries += Address{1} << Peek<std::uint8_t>(keys, layout.keys_log2_index_bytes);
    if (Peek<std::uint8_t>(keys, layout.keys_kind) != 0) {
      entry_bytes = kShortEntryBytes;
      key_at = kShortEntryKey;
    }
  }
  auto count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  if (count > 16) count = 16;
  const std::size_t wanted = std::strlen(name);
  for (std::int64_t i = 0; i < count; ++i) {
    const Address entry = entries + static_cast<Address>(i) * entry_bytes;
    const Address key = PeekPointer(entry, key_at);
    const Address value = PeekPointer(entry, key_at + 8);
    if (key == 0 || value == 0) continue;
    const auto state = Peek<std::uint32_t>(key, kStrState);
    // A dict of general keys may hold anything; a str has its flag in its type.
    const auto flags = Peek<std::uint64_t>(TypeOf(key), kTypeFlags);
    if ((flags & kFlagStr) == 0) continue;
    if (((state >> kStrAsciiShift) & 1) == 0) continue;  // the name is ASCII
    const auto length = Peek<std::int64_t>(key, kStrLength);
    if (length != static_cast<std::int64_t>(wanted)) continue;
    const void* text = reinterpret_cast<const void*>(key + layout.unicode_ascii_bytes);
    if (std::memcmp(text, name, wanted) == 0) return value;
  }
  return 0;
}

}  // namespace memwhy::cpython
