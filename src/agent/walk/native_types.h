// SPDX-License-Identifier: Apache-2.0
//
// The C++ classes of native blocks: a block of a polymorphic class begins with the address of its
// virtual table, and that of the Itanium ABI leads to the class's name. No malloc; never faults.
#pragma once

#include <cstdint>

#include "agent/ground/raw_table.h"
#include "agent/memory/memory_map.h"
#include "agent/walk/dump_stream.h"

namespace memwhy::agent {

class NativeTypes {
 public:
  NativeTypes(DumpStream& out, const MemoryMap& map) noexcept : out_(out), map_(map) {}
  // The number of the class whose objects begin with this word, counted from 1; its record is
  // written when it is new. 0: none known.
  std::uint32_t Get(std::uint64_t vtable) noexcept;

 private:
  struct Slot {
    std::uint64_t vtable;  // 0: empty
    std::uint32_t id;
    std::uint64_t key() const { return vtable; }
    bool is_used() const { return vtable != 0; }
    static std::size_t Hash(std::uint64_t vtable) {
      return static_cast<std::size_t>((vtable >> 4) * 0x9e3779b97f4a7c15ull >> 32);
    }
  };

  DumpStream& out_;
  const MemoryMap& map_;
  RawTable<Slot> classes_;
  std::uint32_t ids_ = 0;
};

}  // namespace memwhy::agent
