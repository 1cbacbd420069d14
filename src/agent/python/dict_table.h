// SPDX-License-Identifier: Apache-2.0
//
// How a dict keeps its entries, 3.8 to 3.14. Borrowed reads; no malloc.
// Sources: Objects/dictobject.c and Include/internal/pycore_dict.h of each version.
#pragma once

#include <cstdint>

#include "cpython/peek.h"

namespace memwhy::agent {

// The entries of a dict.
struct DictTable {
  cpython::Address entries = 0;
  std::int64_t count = 0;  // entries, some of them empty
  std::uint32_t entry_bytes = cpython::kEntryBytes;
  cpython::Address values = 0;  // split: value i belongs to entry i
  bool is_embedded = false;     // 3.13+: the values lie in the instance and are its own
};
DictTable FindTable(cpython::Address dict) noexcept;

// Of a keys table: log2 of its slots, the bytes of its index, whether its entries are {key, value}
// (3.11+) and not {hash, key, value}; entries that a table of so many slots has room for.
int KeysLog2(cpython::Address keys) noexcept;
std::int64_t IndexBytes(cpython::Address keys) noexcept;
bool HasShortEntries(cpython::Address keys) noexcept;
std::uint32_t EntryBytes(cpython::Address keys) noexcept;
std::int64_t UsableEntries(int log2) noexcept;
cpython::Address KeyTableOf(cpython::Address dict) noexcept;
// Where the key lies in an entry of so many bytes; its value is the entry's last word.
constexpr std::uint32_t KeyAt(std::uint32_t entry_bytes) {
  return entry_bytes == cpython::kEntryBytes ? cpython::kEntryKey : cpython::kShortEntryKey;
}

}  // namespace memwhy::agent
