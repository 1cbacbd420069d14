// SPDX-License-Identifier: Apache-2.0
//
// What the walk knows of each type it met: how to name it, how to read its objects.
#pragma once

#include <cstdint>

#include "agent/graph_file.h"
#include "agent/memory_map.h"
#include "agent/raw_memory.h"
#include "cpython/peek.h"

namespace memwhy::agent {

enum class Shape : std::uint8_t {
  kLeaf,  // holds no references: str, bytes, numbers
  kDict,
  kList,
  kTuple,
  kSet,
  kModule,
  kType,
  kFunction,
  kCell,
  kInstance,  // anything else
};

struct TypeFacts {
  cpython::Address type = 0;
  std::uint32_t id = 0;  // in the file, from 1
  Shape shape = Shape::kInstance;
  bool is_exact = false;      // the built-in type itself, no subclass
  bool is_collected = false;  // Py_TPFLAGS_HAVE_GC
  bool has_managed_dict = false;
  std::int64_t basic_bytes = 0;
  std::int64_t item_bytes = 0;
  int (*traverse)(void*, int (*)(void*, void*), void*) = nullptr;
  int (*is_gc)(void*) = nullptr;
};

class TypeTable {
 public:
  // Learns where libraries keep their read-only data, for NativeType. Before the GIL is taken.
  void LoadLibraryRanges() noexcept { map_.Load(); }
  // The facts of `type`; written to `file` the first time. Null: no memory.
  const TypeFacts* Get(cpython::Address type, GraphFile& file) noexcept;
  // The file's id of the C++ class whose objects begin with the word `vtable`; 0: none known.
  std::uint32_t NativeType(std::uint64_t vtable, GraphFile& file) noexcept;
  void Release() noexcept;

 private:
  struct NativeSlot {
    std::uint64_t vtable;  // 0: empty
    std::uint32_t id;
  };
  bool IsLibraryData(std::uint64_t address) const noexcept;

  RawArray<TypeFacts> facts_;  // open addressing, a power of two
  std::size_t count_ = 0;
  RawArray<NativeSlot> natives_;
  std::size_t native_count_ = 0;
  std::uint32_t native_ids_ = 0;
  MemoryMap map_;
};

}  // namespace memwhy::agent
