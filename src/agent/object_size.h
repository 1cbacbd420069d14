// SPDX-License-Identifier: Apache-2.0
//
// How much memory an object takes, by the rules of its type; sys.getsizeof is never called.
// Borrowed reads; no malloc. docs/formats/heap-dump.md says what counts.
#pragma once

#include <cstdint>

#include "agent/dump_types.h"
#include "agent/memory_map.h"

namespace memwhy::agent {

// Shallow bytes beyond facts.fixed_bytes.
std::int64_t ExtraBytes(const DumpType& facts, cpython::Address object,
                        const MemoryMap& map) noexcept;

// Whether those lie in blocks of their own, apart from the object.
bool IsExtraApart(const DumpType& facts) noexcept;

}  // namespace memwhy::agent
