// SPDX-License-Identifier: Apache-2.0
//
// How much memory an object takes, by the rules of its type; sys.getsizeof is never called.
// Borrowed reads; no malloc. docs/formats/heap-dump.md says what counts.
#pragma once

#include <cstdint>

#include "agent/memory/memory_map.h"
#include "agent/objects/dump_types.h"

namespace memwhy::agent {

// Shallow bytes beyond facts.fixed_bytes.
std::int64_t ExtraBytes(const DumpType& facts, cpython::Address object,
                        const MemoryMap& map) noexcept;

// Whether there may be some: objects of the type differ in size.
bool HasExtraBytes(const DumpType& facts) noexcept;

// Of those, what lies in the block of the object itself, behind it.
std::int64_t InlineBytes(const DumpType& facts, cpython::Address object,
                         const MemoryMap& map) noexcept;

// The block of a type's objects that has bytes, no references; 0: none. `facts.has_buffer`.
cpython::Address BufferBehind(const DumpType& facts, cpython::Address object) noexcept;

// The copy in UTF-8 that a str keeps apart from its text; 0: none, or no str.
cpython::Address Utf8BlockOf(const DumpType& facts, cpython::Address object) noexcept;

// Whether objects of this size rule have items in a block of their own.
bool HasOwnTable(ObjectSize size) noexcept;

}  // namespace memwhy::agent
