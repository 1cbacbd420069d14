// SPDX-License-Identifier: Apache-2.0
//
// What a dict's key says, as a path shows it. Borrowed reads; no malloc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpython/peek.h"

namespace memwhy::agent {

// The bytes of the first 64 characters of UTF-8 text.
std::size_t CutText(const char* text, std::size_t bytes) noexcept;

// The value of an int of up to two digits of 30 bits. False: it has more.
bool PeekSmallInt(cpython::Address number, std::int64_t* value) noexcept;

}  // namespace memwhy::agent
