// SPDX-License-Identifier: Apache-2.0
//
// Statistics for a terminal of 80 columns: totals, then the first sites, each with its leaf frames.
// Pure.
#pragma once

#include <cstddef>
#include <string>

#include "model/recording.h"
#include "model/sites/stack_tree.h"
#include "model/sites/stats.h"

namespace memwhy::report {

enum class Show : unsigned char { kLive, kPeak, kAllocated, kTemporary };

// What `show` shows of a site.
const model::Amount& AmountOf(const model::SiteStats& site, Show show);
const model::Amount& TotalOf(const model::Stats& stats, Show show);

// Largest first by what is shown; sites alike keep their order.
void SortSites(model::Stats& stats, Show show);

// Sites in the order of `stats`.
std::string StatsText(const model::Recording& recording, const model::StackTree& stacks,
                      const model::Stats& stats, Show show, std::size_t top);

}  // namespace memwhy::report
