// SPDX-License-Identifier: Apache-2.0
//
// The C++ class of an object that begins with the address of a virtual table: that of the Itanium
// ABI leads to the class's type_info, and that to its name and its bases. No malloc; never faults.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/memory/memory_map.h"

namespace memwhy::agent {

// The type_info behind what may be the address of a virtual table; 0: it is none.
std::uint64_t TypeInfoOf(const MemoryMap& map, std::uint64_t vtable) noexcept;

// The mangled name of the class, cut to `room` - 1 bytes and ended by 0. Its length; 0: what is
// there does not read like one.
std::size_t ReadClassName(std::uint64_t type_info, char* name, std::size_t room) noexcept;

// The type_info of the base that begins where the class's own objects do; 0: it has none.
std::uint64_t BaseInfoOf(const MemoryMap& map, std::uint64_t type_info) noexcept;

}  // namespace memwhy::agent
