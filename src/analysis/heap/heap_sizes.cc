// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_sizes.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "analysis/graph/retained.h"

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

// Row of each type id: types of one name (of a class that was made again and again) are one.
std::vector<std::uint32_t> RowsByName(const ObjectGraph& graph, std::vector<TypeRow>* rows) {
  std::unordered_map<std::string_view, std::uint32_t> by_name;
  std::vector<std::uint32_t> row_of(graph.types());
  for (std::uint32_t id = 0; id < graph.types(); ++id) {
    const auto [found, is_new] =
        by_name.try_emplace(graph.type(id).name, static_cast<std::uint32_t>(rows->size()));
    if (is_new) {
      rows->emplace_back();
      rows->back().type = id;
    }
    row_of[id] = found->second;
  }
  return row_of;
}

}  // namespace

HeapSizes::HeapSizes(const ObjectGraph& graph) {
  dominators_ = FindDominators({graph.begin(), graph.targets()});
  const Node nodes = graph.size();
  python_.resize(nodes);
  objects_.resize(nodes);
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (graph.IsObject(node)) {
      python_[node] = graph.bytes(node);
      objects_[node] = 1;
    } else {
      std::vector<std::uint64_t>& column = graph.DeviceOf(node).empty() ? native_ : device_;
      if (column.empty()) column.resize(nodes);
      column[node] = graph.bytes(node);
    }
  }
  std::vector<std::span<std::uint64_t>> columns{python_};
  if (!native_.empty()) columns.emplace_back(native_);
  if (!device_.empty()) columns.emplace_back(device_);
  Retain(dominators_, columns, objects_);
}

RetainedBytes HeapSizes::Retained(Node node) const {
  return {python_[node], native_.empty() ? 0 : native_[node], device_.empty() ? 0 : device_[node]};
}

std::vector<TypeRow> CountTypes(const ObjectGraph& graph, const HeapSizes& sizes,
                                const TypeFilter& filter) {
  std::vector<TypeRow> rows;
  const std::vector<std::uint32_t> row_of = RowsByName(graph, &rows);
  const auto counts = [&](Node node) {
    return graph.IsObject(node) &&
           (filter.list < 0 || static_cast<int>(graph.list(node)) == filter.list);
  };
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (!counts(node)) continue;
    TypeRow& row = rows[row_of[graph.type_id(node)]];
    ++row.objects;
    row.shallow += graph.bytes(node);
    if (graph.is_tracked(node)) ++row.tracked;
    if (!sizes.IsReachable(node)) row.retained += graph.bytes(node);
  }
  // Down the dominator tree: an object counts when none of its row is above it.
  const Dominators& dominators = sizes.dominators();
  const Node nodes = graph.size();
  std::vector<std::uint32_t> first(nodes + 1);
  for (const Node node : dominators.preorder) {
    if (node != ObjectGraph::kTop) ++first[dominators.idom[node] + 1];
  }
  for (Node node = 0; node < nodes; ++node) first[node + 1] += first[node];
  std::vector<Node> children(first[nodes]);
  {
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (const Node node : dominators.preorder) {
      if (node != ObjectGraph::kTop) children[next[dominators.idom[node]]++] = node;
    }
  }
  std::vector<std::uint32_t> open(rows.size());
  struct Step {
    Node node;
    bool is_left;
  };
  std::vector<Step> stack{{ObjectGraph::kTop, false}};
  while (!stack.empty()) {
    const Step step = stack.back();
    stack.pop_back();
    const bool is_counted = counts(step.node);
    const std::uint32_t row = is_counted ? row_of[graph.type_id(step.node)] : 0;
    if (step.is_left) {
      if (is_counted) --open[row];
      continue;
    }
    if (is_counted) {
      if (open[row]++ == 0) {
        const RetainedBytes retained = sizes.Retained(step.node);
        rows[row].retained += retained.host();
        rows[row].device += retained.device;
      }
    }
    if (first[step.node] == first[step.node + 1]) {
      if (is_counted) --open[row];
      continue;
    }
    stack.push_back({step.node, true});
    for (std::uint32_t i = first[step.node]; i < first[step.node + 1]; ++i) {
      stack.push_back({children[i], false});
    }
  }
  std::erase_if(rows, [](const TypeRow& row) { return row.objects == 0; });
  std::stable_sort(rows.begin(), rows.end(), [](const TypeRow& a, const TypeRow& b) {
    const std::uint64_t left = a.retained + a.device;
    const std::uint64_t right = b.retained + b.device;
    return left != right ? left > right : a.objects > b.objects;
  });
  return rows;
}

std::vector<Node> LargestRetainers(const ObjectGraph& graph, const HeapSizes& sizes,
                                   std::size_t most) {
  std::vector<Node> nodes;
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (graph.IsObject(node) && sizes.IsReachable(node) &&
        (sizes.Objects(node) > 1 || sizes.Retained(node).native > 0 ||
         sizes.Retained(node).device > 0)) {
      nodes.push_back(node);
    }
  }
  const auto larger = [&](Node a, Node b) {
    const std::uint64_t left = sizes.Retained(a).weight();
    const std::uint64_t right = sizes.Retained(b).weight();
    return left != right ? left > right : a < b;
  };
  most = std::min(most, nodes.size());
  std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(most), nodes.end(),
                    larger);
  nodes.resize(most);
  return nodes;
}

}  // namespace memwhy::analysis
