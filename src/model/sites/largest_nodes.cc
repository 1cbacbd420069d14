// SPDX-License-Identifier: Apache-2.0
#include "model/sites/largest_nodes.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace memwhy::model {

CallTree KeepLargest(const CallTree& tree, std::size_t count) {
  const auto& nodes = tree.nodes;
  if (nodes.size() <= 1 || count >= nodes.size() - 1) return tree;
  std::vector<std::uint32_t> order(nodes.size() - 1);
  std::iota(order.begin(), order.end(), 1u);
  // A parent is at least as large as its child and has the smaller index.
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::max(nodes[a].value.bytes, nodes[a].baseline.bytes) >
           std::max(nodes[b].value.bytes, nodes[b].baseline.bytes);
  });
  std::vector<bool> is_kept(nodes.size(), false);
  is_kept[0] = true;
  for (std::size_t i = 0; i < count; ++i) is_kept[order[i]] = true;

  std::vector<std::uint64_t> below(nodes.size(), 1);  // nodes with all below
  for (std::size_t i = nodes.size(); i-- > 1;) below[nodes[i].parent] += below[i];
  std::vector<CallNode> cut(nodes.size());  // by parent
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (is_kept[i] || !is_kept[nodes[i].parent]) continue;
    CallNode& merged = cut[nodes[i].parent];
    merged.value += nodes[i].value;
    merged.baseline += nodes[i].baseline;
    merged.merged += below[i];
  }
  CallTree kept;
  std::vector<std::uint32_t> place(nodes.size(), 0);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (!is_kept[i]) continue;
    place[i] = static_cast<std::uint32_t>(kept.nodes.size());
    kept.nodes.push_back(nodes[i]);
    kept.nodes.back().parent = place[nodes[i].parent];
    if (cut[i].merged == 0) continue;
    CallNode merged = cut[i];
    merged.kind = CallKind::kMerged;
    merged.parent = place[i];
    merged.self_value = merged.value;
    merged.self_baseline = merged.baseline;
    kept.nodes.push_back(merged);
  }
  return kept;
}

}  // namespace memwhy::model
