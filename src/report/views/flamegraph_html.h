// SPDX-License-Identifier: Apache-2.0
//
// A call tree as memwhy.flamegraph/1 and as one HTML file: canvas icicle, search, zoom, and a table
// as its accessible twin. Invariant: no network (Content-Security-Policy by hash), and no string of
// the recording becomes markup: data is JSON text in an inert element, shown as text nodes. Pure.
#pragma once

#include <string>
#include <string_view>

#include "model/recording.h"
#include "model/sites/call_tree.h"
#include "model/sites/stack_tree.h"
#include "report/parts/session_json.h"

namespace memwhy::report {

// Nodes below this share of the whole are merged.
inline constexpr double kMinFlamegraphShare = 0.0005;

struct FlamegraphInput {
  const model::Recording& recording;
  const model::StackTree& stacks;
  const model::CallTree& tree;  // pruned
  double from = 0;
  double to = 0;
  std::string show;           // live, peak, allocated, temporary
  bool has_baseline = false;  // baselines are what was live at `from`
};

Json FlamegraphJson(const FlamegraphInput& input);

// The whole page for a document made by FlamegraphJson.
std::string FlamegraphHtml(const Json& document);

// For pages with more than the graph: put Style and Script into elements that the page's policy
// allows, Markup where the graph shall stand, and one element of DataElement.
std::string_view FlamegraphStyle();
std::string_view FlamegraphScript();
std::string_view FlamegraphMarkup();
// <script type="application/json" id="flamegraph-data">, with every '<' as \u003c.
std::string FlamegraphDataElement(const Json& document);

}  // namespace memwhy::report
