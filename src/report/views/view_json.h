// SPDX-License-Identifier: Apache-2.0
//
// memwhy.table/1 and memwhy.tree/1, and the parts that memwhy.diff/1 is made of. Every row and node
// has a value and a baseline; the baseline is null where there is nothing to compare with. Tables
// may have 100,000 rows with deep stacks, so they are written in pieces. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "model/sites/call_tree.h"
#include "model/sites/site_amounts.h"
#include "report/parts/session_json.h"
#include "report/views/stats_json.h"
#include "report/views/stats_text.h"

namespace memwhy::report {

// What all views say of what they show.
struct ViewHead {
  const model::Recording& recording;
  const model::StackTree& stacks;
  double from = 0;
  double to = 0;
  Show show = Show::kLive;
  model::Amount value;  // the sum of all sites
  model::Amount baseline;
  bool has_baseline = false;  // what was live at `from`
};

// {"value": .., "baseline": .. or null} at the end of `json`.
void AddAmounts(Json& json, const model::Amount& value, const model::Amount& baseline,
                bool has_baseline);

// Rows one by one, each as text; a frame is made into text once.
class RowWriter {
 public:
  RowWriter(const model::Recording& recording, const model::StackTree& stacks, model::GroupBy by,
            bool has_baseline);
  // `extra`'s fields come last.
  std::string Text(const model::SiteGroup& group, const Json& extra = Json::object());

 private:
  std::string StackText(model::StackId stack);

  const model::Recording& recording_;
  const model::StackTree& stacks_;
  model::GroupBy by_;
  bool has_baseline_;
  std::vector<std::string> frames_;  // by frame id; "" until it is needed
};

// {"frames": [..], "nodes": [..]} at the end of `json`.
void AddNodes(Json& json, const model::StackTree& stacks, const model::CallTree& tree,
              bool has_baseline);

// The first `top` groups; the others are summed in "rest", so rows and rest are the totals.
void WriteTableJson(const ViewHead& head, std::span<const model::SiteGroup> groups,
                    model::GroupBy by, std::size_t top, const Sink& sink);

Json TreeJson(const ViewHead& head, const model::CallTree& tree, bool is_inverted);

}  // namespace memwhy::report
