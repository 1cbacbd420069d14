// SPDX-License-Identifier: Apache-2.0
//
// memwhy.perf/1 and its text: samples by stack of Python, Cython and C frames. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "model/perf_profile.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

// `source`: the file of `perf script`, "-" for stdin.
Json PerfDocument(const std::string& source, const model::PerfScript& script,
                  const model::PerfProfile& profile);

// Functions by samples, the `top` first ones.
std::string PerfText(const std::string& source, const model::PerfScript& script,
                     const model::PerfProfile& profile, std::size_t top);

}  // namespace memwhy::report
