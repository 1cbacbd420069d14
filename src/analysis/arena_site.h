// SPDX-License-Identifier: Apache-2.0
//
// Who makes small objects, as far as arenas tell. An arena serves everybody and its stack says only
// who asked for one more, so an answer is given only where nearly all of them agree. Pure.
#pragma once

#include <optional>

#include "analysis/case.h"

namespace memwhy::analysis {

// A stack of the one function of the application that asked for at least 80 % of the surviving
// arenas' bytes; nullopt when there is none, or fewer than three arenas.
std::optional<model::StackId> ArenaSite(const Case& one);

}  // namespace memwhy::analysis
