// SPDX-License-Identifier: Apache-2.0
//
// Where the work of a run ends and the interpreter begins to clean up, if no mark tells. Pure.
#pragma once

#include <algorithm>

namespace memwhy::gate {

// Seconds from the start of a run of so many seconds.
inline double EndOfWork(double seconds) {
  constexpr double kEndShare = 0.05;
  constexpr double kShortestEnd_s = 0.1;
  return seconds - std::max(kShortestEnd_s, seconds * kEndShare);
}

}  // namespace memwhy::gate
