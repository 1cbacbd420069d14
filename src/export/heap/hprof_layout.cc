// SPDX-License-Identifier: Apache-2.0
#include "export/heap/hprof_layout.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <utility>

#include "export/text.h"

namespace memwhy::exports {
namespace {

using model::ObjectGraph;
using wire::EdgeKind;

constexpr std::size_t kMaxFields = 255;
constexpr std::size_t kMaxNames = 4096;  // looked at for one type
constexpr std::uint64_t kMaxPadding = 64;
// An empty array counts 24 bytes: what lacks less than half of them goes without.
constexpr std::uint64_t kMinExtra = 12;
constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

// What the field of an edge is called; "" for an edge that is an item.
std::string_view FieldName(const ObjectGraph::Label& label) {
  switch (label.kind) {
    case EdgeKind::kAttribute:
    case EdgeKind::kLocal:
    case EdgeKind::kCell:
    case EdgeKind::kInternal:
      return label.text;
    case EdgeKind::kAttributes:
      return "__dict__";
    case EdgeKind::kType:
      return "type";
    case EdgeKind::kNone:
    case EdgeKind::kIndex:
    case EdgeKind::kKey:
    case EdgeKind::kValue:
    case EdgeKind::kItem:
    case EdgeKind::kNative:
      break;
  }
  return "";
}

// Readers take a name that begins with '[' for an array's, and '/' for the dot of a package.
std::string ClassName(std::string_view type) {
  std::string name = ValidUtf8(type);
  if (name.empty()) return "(no name)";
  if (name[0] == '[') name.insert(0, "_");
  std::replace(name.begin(), name.end(), '/', '|');
  return name;
}

std::uint64_t ItemsBytes(std::uint64_t items) {
  return items == 0 ? 0 : (kArrayBytes + 7) / 8 * 8 + kIdBytes * items;
}

}  // namespace

HprofLayout::HprofLayout(const ObjectGraph& graph) : graph_(graph) {
  for (std::uint32_t id = 0; id < graph.types(); ++id) {
    classes_.emplace_back().name = ClassName(graph.type(id).name);
  }
  classes_.emplace_back().name = "buffer";
  for (const ObjectGraph::StorageKind& kind : graph.storage_kinds()) {
    classes_.emplace_back().name = ClassName(kind.type);
  }
  ChooseFields();
  Measure();
}

std::uint32_t HprofLayout::ClassOf(Node node) const {
  if (!graph_.IsBuffer(node)) return graph_.type_id(node);
  const auto kind = graph_.StorageKindOf(node);
  return static_cast<std::uint32_t>(graph_.types()) + (kind ? 1 + *kind : 0);
}

// The names used most, as many as the bytes of the type's smallest object have room for.
void HprofLayout::ChooseFields() {
  std::vector<std::unordered_map<std::string, std::uint64_t>> uses(classes_.size());
  std::vector<std::uint64_t> smallest(classes_.size(), kUnknown);
  for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
    const std::uint32_t id = ClassOf(node);
    smallest[id] = std::min(smallest[id], graph_.bytes(node));
    const auto targets = graph_.Targets(node);
    for (std::uint32_t i = 0; i < targets.size(); ++i) {
      const std::string_view name = FieldName(graph_.LabelOf(node, i));
      if (!name.empty() && uses[id].size() < kMaxNames) ++uses[id][ValidUtf8(name)];
    }
  }
  for (std::size_t id = 0; id < classes_.size(); ++id) {
    HprofClass& one = classes_[id];
    std::vector<std::pair<std::uint64_t, std::string>> names;
    for (const auto& [name, count] : uses[id]) names.emplace_back(~count, name);
    std::sort(names.begin(), names.end());
    const std::uint64_t room = smallest[id] == kUnknown || smallest[id] < kInstanceBytes
                                   ? 0
                                   : (smallest[id] - kInstanceBytes) / kIdBytes;
    const std::uint64_t most = std::clamp<std::uint64_t>(room, 2, kMaxFields);
    if (names.size() > most) names.resize(most);
    for (const auto& [count, name] : names) {
      const auto place = static_cast<std::uint32_t>(one.fields.size());
      one.field_names.push_back(one.fields.emplace(name, place).first->first);
    }
  }
}

void HprofLayout::Split(Node node, HprofEdges* edges) const {
  const HprofClass& one = classes_[ClassOf(node)];
  edges->fields.assign(one.field_names.size(), ObjectGraph::kNone);
  edges->items.clear();
  const auto targets = graph_.Targets(node);
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const Node target = targets[i] == ObjectGraph::kNothing ? ObjectGraph::kNone : targets[i];
    const std::string_view name = FieldName(graph_.LabelOf(node, i));
    if (!name.empty()) {
      if (target == ObjectGraph::kNone) continue;
      auto found = one.fields.find(name);
      if (found == one.fields.end()) found = one.fields.find(ValidUtf8(name));
      if (found != one.fields.end() && edges->fields[found->second] == ObjectGraph::kNone) {
        edges->fields[found->second] = target;
        continue;
      }
    }
    edges->items.push_back(target);
  }
}

// What all objects of a type have without their items is the instance's; the rest of the larger
// ones goes into arrays of bytes.
void HprofLayout::Measure() {
  std::vector<std::uint64_t> least(classes_.size(), kUnknown);
  std::vector<std::uint64_t> most(classes_.size(), 0);
  HprofEdges edges;
  for (Node node = ObjectGraph::kFirst; node < graph_.first_root(); ++node) {
    const std::uint32_t id = ClassOf(node);
    Split(node, &edges);
    if (!edges.items.empty()) classes_[id].has_items = true;
    const std::uint64_t arrays = ItemsBytes(edges.items.size());
    const std::uint64_t bytes = graph_.bytes(node);
    const std::uint64_t rest = bytes > arrays ? bytes - arrays : 0;
    least[id] = std::min(least[id], rest);
    most[id] = std::max(most[id], rest);
  }
  for (std::size_t id = 0; id < classes_.size(); ++id) {
    HprofClass& one = classes_[id];
    if (least[id] == kUnknown) least[id] = 0;
    one.instance_bytes = kInstanceBytes + kIdBytes * one.field_count();
    const auto pad = [&] {
      if (least[id] <= one.instance_bytes) return;
      one.padding = std::min(least[id] - one.instance_bytes, kMaxPadding);
      one.instance_bytes += one.padding;
    };
    pad();
    if (most[id] < one.instance_bytes + kMinExtra) continue;
    // The field for the array takes part of the padding.
    one.has_bytes = true;
    one.instance_bytes = kInstanceBytes + kIdBytes * one.field_count();
    one.padding = 0;
    pad();
  }
}

std::int64_t HprofLayout::ExtraBytes(Node node, std::uint64_t items) const {
  const HprofClass& one = classes_[ClassOf(node)];
  const std::uint64_t counted = one.instance_bytes + ItemsBytes(items);
  const std::uint64_t bytes = graph_.bytes(node);
  if (!one.has_bytes || bytes < counted + kMinExtra) return -1;
  const std::uint64_t array = (bytes - counted) / 8 * 8 + ((bytes - counted) % 8 >= 4 ? 8 : 0);
  return array <= kArrayBytes ? 0 : static_cast<std::int64_t>(array - kArrayBytes);
}

}  // namespace memwhy::exports
