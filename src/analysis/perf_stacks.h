// SPDX-License-Identifier: Apache-2.0
//
// Stacks of perf with Python, Cython and C frames in one. A Python function is a frame that the
// interpreter's perf map names ("py::FUNCTION:FILE", -X perf of CPython 3.12 and later); perf knows
// no line in it. Where a stack has one, frames of the interpreter itself are left out; entry and
// body of a Cython function are one frame, below its Python caller. Pure.
#pragma once

#include "model/perf_profile.h"

namespace memwhy::analysis {

model::PerfProfile MergePerfStacks(const model::PerfScript& script);

}  // namespace memwhy::analysis
