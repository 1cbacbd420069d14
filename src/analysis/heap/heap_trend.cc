// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_trend.h"

#include <algorithm>
#include <unordered_map>

namespace memwhy::analysis {

using model::ObjectGraph;

void HeapTrend::Add(const ObjectGraph& graph) {
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < types_.size(); ++i) by_name.emplace(types_[i].type, i);
  // Names of types_ may move while it grows: what is new is added afterwards.
  std::vector<std::size_t> row(graph.types());
  std::vector<TypeTrend> added;
  for (std::uint32_t id = 0; id < graph.types(); ++id) {
    const auto [found, is_new] =
        by_name.try_emplace(graph.type(id).name, types_.size() + added.size());
    row[id] = found->second;
    if (!is_new) continue;
    TypeTrend trend;
    trend.type = graph.type(id).name;
    trend.objects.resize(dumps_);
    trend.bytes.resize(dumps_);
    added.push_back(std::move(trend));
  }
  for (TypeTrend& trend : added) types_.push_back(std::move(trend));
  ++dumps_;
  for (TypeTrend& trend : types_) {
    trend.objects.push_back(0);
    trend.bytes.push_back(0);
  }
  for (ObjectGraph::Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (!graph.IsObject(node)) continue;
    TypeTrend& trend = types_[row[graph.type_id(node)]];
    ++trend.objects.back();
    trend.bytes.back() += graph.bytes(node);
  }
}

std::vector<TypeTrend> HeapTrend::Types() const {
  std::vector<TypeTrend> types;
  for (TypeTrend trend : types_) {
    const auto& objects = trend.objects;
    const bool is_same = std::adjacent_find(objects.begin(), objects.end(),
                                            std::not_equal_to<>()) == objects.end() &&
                         trend.bytes.front() == trend.bytes.back();
    if (is_same) continue;
    trend.grows =
        std::adjacent_find(objects.begin(), objects.end(), std::greater_equal<>()) == objects.end();
    types.push_back(std::move(trend));
  }
  const auto gain = [](const TypeTrend& trend) {
    return static_cast<std::int64_t>(trend.bytes.back() - trend.bytes.front());
  };
  std::stable_sort(types.begin(), types.end(), [&](const TypeTrend& a, const TypeTrend& b) {
    return a.grows != b.grows ? a.grows : gain(a) > gain(b);
  });
  return types;
}

}  // namespace memwhy::analysis
