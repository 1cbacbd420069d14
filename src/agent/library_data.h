// SPDX-License-Identifier: Apache-2.0
//
// Which memory is the data of a library, the zeroed part included that the kernel shows as
// anonymous. Reads what is mapped; no malloc.
#pragma once

#include "agent/memory_map.h"

namespace memwhy::agent {

// Where the data ends of the library whose file begins in `first`, by the program headers there; 0:
// they are not there, or the file has become shorter. FaultGuard is installed.
std::uintptr_t EndOfData(const Mapping& first) noexcept;

}  // namespace memwhy::agent
