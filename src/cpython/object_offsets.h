// SPDX-License-Identifier: Apache-2.0
//
// Where objects of CPython, its collector's heads and pymalloc's pools keep what we read, as far as
// all supported versions agree: byte offsets (kTypeFlags is tp_flags), sizes, and shifts of bits.
// Generated from the interpreters' own headers by tools/generate_layouts, which stops where two
// versions differ; what differs is in layout.h.
#pragma once

#include <cstdint>

namespace memwhy::cpython {

#include "cpython/object_offsets.inc"

}  // namespace memwhy::cpython
