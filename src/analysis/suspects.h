// SPDX-License-Identifier: Apache-2.0
//
// Finds the causes of growth in a window: judges every stack, joins the answers of the heap graph,
// and merges what one holder keeps. Called by MakeCase with everything but the suspects filled.
#pragma once

#include <vector>

#include "analysis/case.h"

namespace memwhy::analysis {

// `small` gets those whose bytes are too few to matter.
std::vector<Suspect> FindSuspects(const Case& one, std::vector<Suspect>* small);

// A holder is named when at least half of the survivors looked up hang below it.
inline constexpr double kAgreement = 0.5;

}  // namespace memwhy::analysis
