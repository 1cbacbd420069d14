// SPDX-License-Identifier: Apache-2.0
//
// Whether a library can hold Python's objects, and which memory is its data, the zeroed part
// included that the kernel shows as anonymous. Reads what is mapped; no malloc.
#pragma once

#include "agent/memory/memory_map.h"

namespace memwhy::agent {

// Where the data ends of the library whose file begins in `first`, by the program headers there; 0:
// they are not there, or the file has become shorter. FaultGuard is installed.
std::uintptr_t EndOfData(const Mapping& first) noexcept;

// Whether the library whose file begins in `first` asks for a function or variable of CPython's:
// what takes a reference does. True where its symbols cannot be read.
bool UsesPython(const Mapping& first, const MemoryMap& map) noexcept;

}  // namespace memwhy::agent
