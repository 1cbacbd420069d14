// SPDX-License-Identifier: Apache-2.0
//
// How the objects of each type look in HPROF (hprof.h): which of their edges are fields, and how
// many bytes an object has without its arrays. Chosen from all objects of the type.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::exports {

// What readers count, with 8 bytes for an id; of arrays they round the sum up to 8.
inline constexpr std::uint64_t kInstanceBytes = 16;
inline constexpr std::uint64_t kArrayBytes = 20;
inline constexpr std::uint64_t kIdBytes = 8;

struct HprofClass {
  std::string name;
  std::map<std::string, std::uint32_t, std::less<>> fields;  // place by name
  std::vector<std::string_view> field_names;                 // by place
  bool has_items = false;
  bool has_bytes = false;
  // Of an instance, the two arrays not counted: header, fields, and padding up to what the smallest
  // object of the type has.
  std::uint64_t instance_bytes = 0;
  std::uint64_t padding = 0;

  std::uint64_t field_count() const {
    return field_names.size() + (has_items ? 1 : 0) + (has_bytes ? 1 : 0);
  }
};

// One object's edges, split: targets by field and the others in order. kNone: a null pointer.
struct HprofEdges {
  std::vector<model::ObjectGraph::Node> fields;
  std::vector<model::ObjectGraph::Node> items;
};

class HprofLayout {
 public:
  using Node = model::ObjectGraph::Node;

  explicit HprofLayout(const model::ObjectGraph& graph);

  const std::vector<HprofClass>& classes() const { return classes_; }
  // Behind those of the types: the class of buffers, then one for each kind of tensors' storages.
  std::uint32_t ClassOf(Node node) const;
  void Split(Node node, HprofEdges* edges) const;
  // Length of the object's byte[]; -1: it needs none.
  std::int64_t ExtraBytes(Node node, std::uint64_t items) const;

 private:
  void ChooseFields();
  void Measure();

  const model::ObjectGraph& graph_;
  std::vector<HprofClass> classes_;
};

}  // namespace memwhy::exports
