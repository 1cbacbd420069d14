// SPDX-License-Identifier: Apache-2.0
//
// What the head of an object says: its reference count, and whether the collector knows it.
// Borrowed reads; no malloc.
#pragma once

#include <cstdint>

#include "agent/ground/agent.h"
#include "agent/objects/dump_types.h"

namespace memwhy::agent {

inline std::uint64_t ReferenceCountOf(cpython::Address object) noexcept {
  return TheLayout().minor >= 14 ? cpython::Peek<std::uint32_t>(object, 0)
                                 : cpython::Peek<std::uint64_t>(object, 0);
}

// Whether the object is in one of the collector's lists.
inline bool IsTracked(const DumpType& facts, cpython::Address object) noexcept {
  if (!facts.is_collected) return false;
  if (facts.is_gc != nullptr && facts.is_gc(reinterpret_cast<void*>(object)) == 0) return false;
  return cpython::PeekPointer(object - TheLayout().gc_head_bytes, cpython::kGcNext) != 0;
}

// Whether the interpreter itself never lets it go: its reference count says nothing.
bool IsConstant(const DumpType& facts, cpython::Address object) noexcept;

}  // namespace memwhy::agent
