// SPDX-License-Identifier: Apache-2.0
//
// A gc log for a terminal of 80 columns: the answer, a table by generation, the types that were
// found most, and what is unusual. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "analysis/gc_summary.h"
#include "model/gc_log.h"

namespace memwhy::report {

// The first `top` types.
std::string GcLogText(const std::string& file, const model::GcLog& log,
                      const analysis::GcSummary& summary, std::size_t top);

}  // namespace memwhy::report
