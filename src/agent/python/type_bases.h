// SPDX-License-Identifier: Apache-2.0
//
// A Python type and what it is derived from, by tp_base. May fault.
#pragma once

#include "cpython/peek.h"

namespace memwhy::agent {

inline constexpr int kMaxBases = 256;  // of one type; more is damage

// `type` or the first of its bases for which is(base); 0: none.
template <typename Is>
cpython::Address FindBase(cpython::Address type, const Is& is) noexcept {
  int left = kMaxBases;
  for (; type != 0 && left > 0; type = cpython::PeekPointer(type, cpython::kTypeBase), --left) {
    if (is(type)) return type;
  }
  return 0;
}

}  // namespace memwhy::agent
