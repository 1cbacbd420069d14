// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_diff.h"

#include <algorithm>
#include <map>

namespace memwhy::analysis {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

// Calls `each(type name)` for the objects of `graph` that `other` has not.
template <typename Each>
void EachMissing(const ObjectGraph& graph, const ObjectGraph& other, const Each& each) {
  for (Node node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    if (!graph.IsObject(node)) continue;
    const Node same = other.Find(graph.address(node));
    if (same == ObjectGraph::kNone || !other.IsObject(same) ||
        other.TypeName(same) != graph.TypeName(node)) {
      each(std::string(graph.TypeName(node)));
    }
  }
}

}  // namespace

std::vector<TypeChange> DiffTypes(const ObjectGraph& a, const HeapSizes& a_sizes,
                                  const ObjectGraph& b, const HeapSizes& b_sizes) {
  std::map<std::string, TypeChange> changes;
  for (const TypeRow& row : CountTypes(a, a_sizes)) {
    TypeChange& change = changes[a.type(row.type).name];
    change.before = row.objects;
    change.shallow_delta -= static_cast<std::int64_t>(row.shallow);
    change.retained_delta -= static_cast<std::int64_t>(row.retained);
    change.device_delta -= static_cast<std::int64_t>(row.device);
  }
  for (const TypeRow& row : CountTypes(b, b_sizes)) {
    TypeChange& change = changes[b.type(row.type).name];
    change.after = row.objects;
    change.shallow_delta += static_cast<std::int64_t>(row.shallow);
    change.retained_delta += static_cast<std::int64_t>(row.retained);
    change.device_delta += static_cast<std::int64_t>(row.device);
  }
  EachMissing(b, a, [&](const std::string& type) { ++changes[type].added; });
  EachMissing(a, b, [&](const std::string& type) { ++changes[type].gone; });
  std::vector<TypeChange> list;
  for (auto& [name, change] : changes) {
    change.type = name;
    if (change.added == 0 && change.gone == 0 && change.shallow_delta == 0 &&
        change.retained_delta == 0 && change.device_delta == 0) {
      continue;
    }
    list.push_back(std::move(change));
  }
  std::stable_sort(list.begin(), list.end(), [](const TypeChange& x, const TypeChange& y) {
    const std::int64_t left = x.retained_delta + x.device_delta;
    const std::int64_t right = y.retained_delta + y.device_delta;
    return left != right ? left > right : x.shallow_delta > y.shallow_delta;
  });
  return list;
}

}  // namespace memwhy::analysis
