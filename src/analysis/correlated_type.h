// SPDX-License-Identifier: Apache-2.0
//
// Memory whose holder cannot be proven, as that of C code: the one type of the program's or of a
// library's whose number of objects rises in proportion to the blocks. Correlated, not proven.
// Pure.
#pragma once

#include "analysis/case.h"

namespace memwhy::analysis {

// nullptr: there is none, or more than one.
const TypeGrowth* CorrelatedType(const Case& one, const Suspect& suspect);

}  // namespace memwhy::analysis
