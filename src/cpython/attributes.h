// SPDX-License-Identifier: Apache-2.0
//
// Where the attributes of an instance lie: a dict of its own, or values beside the object in the
// order of its type's shared keys. Three shapes: dictoffset (to 3.10, and where a type asks for
// it), values and dict before the object (3.11: two words, 3.12: one tagged word), values behind
// the object (3.13). Borrowed reads; the caller holds the GIL. Sources:
// Include/internal/pycore_object.h, pycore_dict.h of each version.
#pragma once

#include "cpython/layout.h"
#include "cpython/peek.h"

namespace memwhy::cpython {

struct Attributes {
  Address dict = 0;     // PyDictObject*, 0: none made
  Address values = 0;   // array of values; value i belongs to key i
  Address entries = 0;  // of the shared keys: pairs (key, unused) of 16 bytes
  std::int64_t count = 0;
};

// What `object` has; all zero when it has neither.
Attributes FindAttributes(const Layout& layout, Address object) noexcept;

// The value of attribute `name` (ASCII), borrowed, or 0.
Address PeekAttribute(const Layout& layout, Address object, const char* name) noexcept;

}  // namespace memwhy::cpython
