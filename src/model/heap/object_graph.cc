// SPDX-License-Identifier: Apache-2.0
#include "model/heap/object_graph.h"

#include <algorithm>
#include <limits>

#include "wire/redaction.h"

namespace memwhy::model {
namespace {

using Node = ObjectGraph::Node;
using wire::EdgeKind;

std::string_view TextAt(const std::string& blob, std::uint32_t at) {
  const auto low = static_cast<std::uint8_t>(blob[at]);
  const auto high = static_cast<std::uint8_t>(blob[at + 1]);
  return std::string_view(blob).substr(at + 2, low | static_cast<std::size_t>(high) << 8);
}

}  // namespace

std::uint64_t ObjectGraph::bytes(Node node) const {
  const std::uint32_t id = type_[node - kFirst];
  std::uint64_t bytes = bytes_[node - kFirst];
  if (bytes == kLarge) {
    const auto found =
        std::lower_bound(large_.begin(), large_.end(), std::pair(node, std::uint64_t{0}));
    if (found != large_.end() && found->first == node) bytes = found->second;
  }
  return id == kBufferType ? bytes : bytes + types_[id].bytes;
}

std::uint64_t ObjectGraph::total_bytes() const {
  std::uint64_t total = 0;
  for (Node node = kFirst; node < first_root_; ++node) total += bytes(node);
  for (const auto& [device, bytes] : DeviceBytes()) total -= bytes;
  return total;
}

std::optional<std::uint32_t> ObjectGraph::StorageKindOf(Node node) const {
  const auto found = std::lower_bound(storages_.begin(), storages_.end(), std::pair(node, 0u));
  if (found == storages_.end() || found->first != node) return std::nullopt;
  return found->second;
}

std::string_view ObjectGraph::DeviceOf(Node node) const {
  const auto kind = StorageKindOf(node);
  return kind ? std::string_view(storage_kinds_[*kind].device) : std::string_view();
}

std::vector<std::pair<std::string_view, std::uint64_t>> ObjectGraph::DeviceBytes() const {
  std::vector<std::pair<std::string_view, std::uint64_t>> sums;
  for (const StorageKind& kind : storage_kinds_) sums.emplace_back(kind.device, 0);
  for (const auto& [node, kind] : storages_) sums[kind].second += bytes(node);
  std::erase_if(sums, [](const auto& sum) { return sum.first.empty(); });
  return sums;
}

std::string_view ObjectGraph::TypeName(Node node) const {
  const std::uint32_t id = type_[node - kFirst];
  if (id != kBufferType) return types_[id].name;
  const std::string_view name = NativeClass(node);
  if (!name.empty()) return name;
  const auto kind = StorageKindOf(node);
  return kind ? std::string_view(storage_kinds_[*kind].type) : std::string_view("buffer");
}

std::string_view ObjectGraph::NativeClass(Node node) const {
  const auto found = std::lower_bound(classes_.begin(), classes_.end(), std::pair(node, 0u));
  if (found == classes_.end() || found->first != node) return {};
  return native_types_[found->second];
}

ObjectGraph::Node ObjectGraph::FindOwner(std::uint64_t block) const {
  const Node node = Find(block);
  if (node != kNone) return node;
  const auto owned =
      std::lower_bound(own_blocks_.begin(), own_blocks_.end(), std::pair(block, Node{0}));
  if (owned != own_blocks_.end() && owned->first == block) return owned->second;
  // An object begins behind what the collector and 3.12 and later put before it.
  for (const std::uint64_t before : {16, 32}) {
    const Node object = Find(block + before);
    if (object != kNone && IsObject(object)) return object;
  }
  return kNone;
}

const ObjectGraph::Held* ObjectGraph::FindHeld(Node node) const {
  const auto found = std::lower_bound(held_.begin(), held_.end(), node,
                                      [](const Held& held, Node n) { return held.node < n; });
  return found != held_.end() && found->node == node ? &*found : nullptr;
}

std::uint64_t ObjectGraph::references(Node node) const {
  const std::uint16_t count = references_[node - kFirst];
  if (count != kMany) return count;
  const auto found = std::lower_bound(many_.begin(), many_.end(), std::pair(node, 0u));
  return found != many_.end() && found->first == node ? found->second : count;
}

std::int32_t ObjectGraph::surplus(Node node) const {
  const auto found = std::lower_bound(surplus_.begin(), surplus_.end(),
                                      std::pair(node, std::numeric_limits<std::int32_t>::min()));
  return found != surplus_.end() && found->first == node ? found->second : 0;
}

void ObjectGraph::DropLookup() {
  index_ = AddressIndex();
  address_.clear();
  shape_.clear();
}

void ObjectGraph::DropEdges() {
  begin_.clear();
  target_.clear();
}

std::uint32_t ObjectGraph::list(Node node) const {
  if (!is_tracked(node)) return wire::kListUnknown;
  const auto next = std::upper_bound(
      lists_.begin(), lists_.end(), node,
      [](Node value, const std::pair<Node, std::uint32_t>& entry) { return value < entry.first; });
  return next == lists_.begin() ? wire::kListUnknown : std::prev(next)->second;
}

bool ObjectGraph::KeyOf(Node key, std::string_view* text, std::int64_t* number,
                        bool* is_number) const {
  auto text_at = std::lower_bound(texts_.begin(), texts_.end(), std::pair(key, 0u));
  if (text_at != texts_.end() && text_at->first == key) {
    *text = TextAt(text_, text_at->second);
    // A redacted dump may have it twice: as a key of some dict, and as the name of an attribute.
    if (wire::IsToken(*text) && ++text_at != texts_.end() && text_at->first == key) {
      const std::string_view other = TextAt(text_, text_at->second);
      if (!wire::IsToken(other)) *text = other;
    }
    *is_number = false;
    return true;
  }
  const auto number_at = std::lower_bound(numbers_.begin(), numbers_.end(),
                                          std::pair(key, std::numeric_limits<std::int64_t>::min()));
  if (number_at == numbers_.end() || number_at->first != key) return false;
  *number = number_at->second;
  *is_number = true;
  return true;
}

std::optional<std::uint64_t> ObjectGraph::LengthOf(Node node) const {
  if (!IsObject(node)) return std::nullopt;
  const bool is_owned = (types_[type_[node - kFirst]].flags & wire::kTypeIsOwned) != 0;
  const std::uint64_t edges = Targets(node).size() - (is_owned ? 1 : 0);
  const std::string_view type = TypeName(node);
  if (type == "set" || type == "frozenset") return edges;
  const std::uint32_t id = shape_[node - kFirst];
  if (id == kNoShape || id >= shapes_.size() || shapes_[id].labels > edges) return std::nullopt;
  const std::uint64_t items = edges - shapes_[id].labels;
  switch (shapes_[id].rest) {
    case wire::ShapeRest::kIndexed:
      return items;
    case wire::ShapeRest::kPairs:
      return items / 2;
    case wire::ShapeRest::kPlain:
      return std::nullopt;
  }
  return std::nullopt;
}

ObjectGraph::Label ObjectGraph::LabelOf(Node node, std::uint32_t edge) const {
  Label label = NameOf(node, edge);
  // Pointers to and from native memory have no other name.
  if (label.kind == EdgeKind::kNone && node >= kFirst && node < first_root_ &&
      (IsBuffer(node) || IsBuffer(Targets(node)[edge]))) {
    label.kind = EdgeKind::kNative;
  }
  return label;
}

// As its shape has it.
ObjectGraph::Label ObjectGraph::NameOf(Node node, std::uint32_t edge) const {
  Label label;
  if (node < kFirst) return label;
  const bool is_root = node >= first_root_;
  const std::uint32_t id = is_root ? root_shape_[node - first_root_] : shape_[node - kFirst];
  if (!is_root && type_[node - kFirst] != kBufferType &&
      (types_[type_[node - kFirst]].flags & wire::kTypeIsOwned) != 0 &&
      begin_[node] + edge + 1 == begin_[node + 1]) {
    label.kind = EdgeKind::kType;
    return label;
  }
  if (id == kNoShape || id >= shapes_.size()) return label;
  const Shape& shape = shapes_[id];
  if (edge < shape.labels) {
    const auto& [kind, text] = labels_[shape.first_label + edge];
    label.kind = kind;
    label.text = TextAt(text_, text);
    return label;
  }
  const std::uint32_t place = edge - shape.labels;
  switch (shape.rest) {
    case wire::ShapeRest::kPlain:
      break;
    case wire::ShapeRest::kIndexed:
      label.kind = EdgeKind::kIndex;
      label.number = place;
      break;
    case wire::ShapeRest::kPairs:
      if (place % 2 == 0) {
        label.kind = EdgeKind::kKey;
        break;
      }
      label.kind = EdgeKind::kValue;
      label.key = target_[begin_[node] + edge - 1];
      KeyOf(label.key, &label.text, &label.number, &label.is_number);
      label.is_redacted = wire::IsToken(label.text);
      break;
  }
  return label;
}

const char* DumpRootName(const ObjectGraph::Root& root) {
  if (root.is_unexplained) return "unexplained";
  switch (root.kind) {
    case wire::DumpRoot::kModule:
      return "module global";
    case wire::DumpRoot::kFrame:
    case wire::DumpRoot::kStack:
      return "frame local";
    case wire::DumpRoot::kGreenlet:
      return "local of a waiting greenlet";
    case wire::DumpRoot::kThread:
      return "thread state";
    case wire::DumpRoot::kContext:
      return "context";
    case wire::DumpRoot::kInterned:
    case wire::DumpRoot::kKeyTable:
      return "interned";
    case wire::DumpRoot::kInterpreter:  // C's structures of the interpreter
    case wire::DumpRoot::kNativeGlobal:
      return "c global";
  }
  return "unexplained";
}

}  // namespace memwhy::model