// SPDX-License-Identifier: Apache-2.0
//
// memwhy.stats/1. A session may have 100,000 sites with deep stacks, so the document is written in
// pieces and each frame is made into text once.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "model/recording.h"
#include "model/sites/stack_tree.h"
#include "model/sites/stats.h"

namespace memwhy::report {

// Takes the next piece of the document.
using Sink = std::function<void(std::string_view)>;

// The first `top` sites in the order of `stats`; totals always count all of them.
void WriteStatsJson(const model::Recording& recording, const model::StackTree& stacks,
                    const model::Stats& stats, std::size_t top, const Sink& sink);

}  // namespace memwhy::report
