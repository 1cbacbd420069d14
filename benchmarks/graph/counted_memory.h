// SPDX-License-Identifier: Apache-2.0
//
// Counts the bytes that this program has from operator new, so that a benchmark can say what an
// algorithm held at its peak. One thread only.
#pragma once

#include <cstdint>

namespace memwhy::benchmark {

std::uint64_t LiveBytes();
std::uint64_t PeakBytes();  // the most since the last call of ResetPeak
void ResetPeak();

}  // namespace memwhy::benchmark
