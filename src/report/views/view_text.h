// SPDX-License-Identifier: Apache-2.0
//
// Tables and call trees for a terminal of 80 columns. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "model/sites/call_tree.h"
#include "model/sites/site_amounts.h"
#include "report/views/view_json.h"

namespace memwhy::report {

// The first `top` groups and what is in the others.
std::string TableText(const ViewHead& head, std::span<const model::SiteGroup> groups,
                      model::GroupBy by, std::size_t top);

// One line per node; a step to the right where a caller has more than one callee or takes memory
// itself, so that chains of calls stay in one column.
std::string TreeText(const ViewHead& head, const model::CallTree& tree, bool is_inverted);

}  // namespace memwhy::report
