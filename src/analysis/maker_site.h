// SPDX-License-Identifier: Apache-2.0
//
// Which line makes the objects of a type, by the births that were recorded. Pure.
#pragma once

#include <optional>

#include "analysis/heap/holders.h"
#include "model/ids.h"
#include "model/sites/stack_tree.h"

namespace memwhy::analysis {

// A stack that stands for the line of the application that made most of the objects; nullopt: no
// line made half of those whose births are known, or too few are known.
std::optional<model::StackId> MakerSite(const model::StackTree& stacks, const TypeGrowth& type);

}  // namespace memwhy::analysis
