// SPDX-License-Identifier: Apache-2.0
//
// What memcheck saw, for a terminal of 80 columns: each finding with its stack of Python, Cython
// and C frames, then what was checked and what could not be. Pure.
#pragma once

#include <string>

#include "analysis/memcheck_findings.h"

namespace memwhy::report {

// `top`: so many findings, and so many frames of a stack.
std::string MemcheckText(const analysis::MemcheckVerdict& verdict, std::size_t top);

}  // namespace memwhy::report
