// SPDX-License-Identifier: Apache-2.0
//
// What a type is called. Borrowed reads; the caller holds the GIL or is a clone. No malloc.
#pragma once

#include <cstddef>

#include "cpython/peek.h"

namespace memwhy::agent {

// Whether `object`, which may be 0, is a str or derived from it.
bool IsStr(cpython::Address object) noexcept;

// "module.QualName"; built-in types without their module (docs/formats/heap-documents.md). Returns
// the bytes written to `out`, at most `room`.
std::size_t NameOfType(cpython::Address type, char* out, std::size_t room) noexcept;

}  // namespace memwhy::agent
