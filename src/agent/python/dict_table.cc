// SPDX-License-Identifier: Apache-2.0
#include "agent/python/dict_table.h"

#include "agent/ground/agent.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::int64_t kMaxTableItems = std::int64_t{1} << 40;  // a length beyond is damage

}  // namespace

int KeysLog2(Address keys) noexcept {
  const cpython::Layout& layout = TheLayout();
  if (layout.keys_size == cpython::kAbsent) return Peek<std::uint8_t>(keys, layout.keys_log2_size);
  const auto size = Peek<std::int64_t>(keys, layout.keys_size);
  return size <= 1 ? 0 : 63 - __builtin_clzll(static_cast<std::uint64_t>(size));
}

std::int64_t UsableEntries(int log2) noexcept {
  return ((std::int64_t{1} << log2) << 1) / 3;  // USABLE_FRACTION
}

std::int64_t IndexBytes(Address keys) noexcept {
  const cpython::Layout& layout = TheLayout();
  if (layout.keys_size == cpython::kAbsent) {
    return std::int64_t{1} << Peek<std::uint8_t>(keys, layout.keys_log2_index_bytes);
  }
  const auto size = Peek<std::int64_t>(keys, layout.keys_size);
  return size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
}

bool HasShortEntries(Address keys) noexcept {
  const cpython::Layout& layout = TheLayout();
  return layout.keys_kind != cpython::kAbsent && Peek<std::uint8_t>(keys, layout.keys_kind) != 0;
}

std::uint32_t EntryBytes(Address keys) noexcept {
  return HasShortEntries(keys) ? cpython::kShortEntryBytes : cpython::kEntryBytes;
}

Address KeyTableOf(Address dict) noexcept { return PeekPointer(dict, TheLayout().dict_keys); }

DictTable FindTable(Address dict) noexcept {
  const cpython::Layout& layout = TheLayout();
  DictTable table;
  const Address keys = KeyTableOf(dict);
  if (keys == 0) return table;
  table.values = PeekPointer(dict, layout.dict_values);
  table.entries = keys + layout.keys_indices + static_cast<Address>(IndexBytes(keys));
  table.count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  table.entry_bytes = EntryBytes(keys);
  if (table.values != 0) {
    if (layout.minor >= 13) {
      table.is_embedded = Peek<std::uint8_t>(table.values, layout.values_embedded) != 0;
      const std::int64_t capacity = Peek<std::uint8_t>(table.values, layout.values_capacity);
      if (table.count > capacity) table.count = capacity;
      table.values += layout.values_first;
    }
  }
  if (table.count < 0 || table.count > kMaxTableItems) table.count = 0;
  return table;
}

}  // namespace memwhy::agent
