// SPDX-License-Identifier: Apache-2.0
//
// A number that the operating system's samples have, over the bins of a window, for rules about
// what lies outside of the heap. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "analysis/case.h"

namespace memwhy::analysis {

using SampleNumber = std::function<std::optional<std::uint64_t>(const model::OsSample&)>;

// The least of the main process's samples in each bin; nullopt where a bin has none.
std::optional<std::vector<Bytes>> SampleFloors(const Case& one, const SampleNumber& number);

// The last in the window.
std::optional<std::uint64_t> LastSample(const Case& one, const SampleNumber& number);

}  // namespace memwhy::analysis
