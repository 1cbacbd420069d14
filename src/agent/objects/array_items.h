// SPDX-License-Identifier: Apache-2.0
//
// The memory behind a numpy array, and where in its items the references to objects are: the items
// themselves, or fields of records, however nested. Borrowed reads; no malloc.
//
// Sources: numpy/core/include/numpy/ndarraytypes.h of 1.17 to 2.4 (PyArrayObject_fields;
// PyArray_Descr of numpy 1, _PyArray_LegacyDescr of numpy 2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/fixed_list.h"
#include "agent/memory/memory_map.h"
#include "agent/objects/dump_types.h"

namespace memwhy::agent {

struct ArrayBuffer {
  cpython::Address address = 0;
  std::uint64_t bytes = 0;  // 0: none of its own
};

struct ItemReferences {
  static constexpr std::size_t kMax = 128;

  std::uint32_t item_bytes = 0;
  FixedList<std::uint32_t, kMax> offsets;  // in an item
  bool is_cut = false;                     // there are more
};

class ArrayItems {
 public:
  ArrayItems(DumpTypes& types, const MemoryMap& map) noexcept : types_(types), map_(map) {}
  // What the array owns; a view owns nothing.
  ArrayBuffer BufferOf(cpython::Address array) noexcept;
  ItemReferences ReferencesOf(cpython::Address array) noexcept;

 private:
  struct Description;  // a dtype
  bool Describe(cpython::Address descr, Description* out) noexcept;
  void Collect(cpython::Address descr, std::uint64_t offset, int depth,
               ItemReferences* out) noexcept;
  void CollectFields(const Description& record, std::uint64_t offset, int depth,
                     ItemReferences* out) noexcept;

  DumpTypes& types_;
  const MemoryMap& map_;
};

}  // namespace memwhy::agent
