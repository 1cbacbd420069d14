// SPDX-License-Identifier: Apache-2.0
//
// What CPython 3.13 and later say of their own structures at run time: _Py_DebugOffsets, the first
// part of _PyRuntime. It makes a table entry hold for a build whose structures were moved, and
// tells of one whose structures we do not know. Borrowed reads of static memory, no allocation.
#pragma once

#include <cstdint>

#include "cpython/layout.h"
#include "cpython/peek.h"

namespace memwhy::cpython {

// The first minor version that has them.
inline constexpr int kFirstWithDebugOffsets = 13;

// Replaces what `layout` (of the table) says by what the interpreter at `runtime` (&_PyRuntime)
// says. `version` is PY_VERSION_HEX without its release level. Returns null, or why the interpreter
// cannot be read: then `layout` must not be used.
const char* ApplyDebugOffsets(Address runtime, std::uint32_t version, Layout* layout) noexcept;

}  // namespace memwhy::cpython
