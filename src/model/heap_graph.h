// SPDX-License-Identifier: Apache-2.0
//
// A heap graph as a file says it (wire/heap_graph.h): for each object and native block the step by
// which it was first reached from a root, so following parents gives a shortest path.
// Invariant: a node's parent is a root or an earlier node. Input is hostile: lengths, ids and
// numbers are checked; a damaged file is read up to the damage, and `damage` says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/heap_graph.h"

namespace memwhy::model {

class HeapGraph {
 public:
  struct Node {
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;   // shallow bytes of an object, size of a block
    std::uint64_t buffer = 0;  // address of a container's own table or array, 0: none
    std::int64_t number = 0;   // label's number: index, key, offset
    std::uint32_t parent = 0;  // root or node
    std::uint32_t text = 0;    // label's text
    std::uint32_t type = 0;    // type id of an object, native type id of a block
    std::uint32_t length = 0;  // length + 1 of a container, 0: none
    wire::Label label = wire::Label::kNone;
    bool parent_is_root = false;
    bool is_block = false;
  };
  struct Root {
    wire::RootKind kind;
    std::string name;
  };

  static Result<HeapGraph> Parse(std::string_view file);
  static Result<HeapGraph> Load(const std::string& path);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(std::uint32_t number) const { return nodes_[number]; }
  const Root& root(std::uint32_t number) const { return roots_[number]; }
  // "dict", "app.Store"; of a block its C++ class as mangled, "" when unknown.
  const std::string& type_name(const Node& node) const;
  std::string_view label_text(const Node& node) const { return texts_[node.text]; }
  std::uint64_t objects() const { return objects_; }
  const std::vector<std::string>& types() const { return types_; }  // by id; 0 is ""
  const std::string& damage() const { return damage_; }

  // Steps from the root to `number`, ready to print: "module app", ".CACHE", "['user']".
  std::vector<std::string> Path(std::uint32_t number) const;
  // The same as one expression: "app.CACHE['user']". Native steps are left out.
  std::string PathText(std::uint32_t number) const;
  // The root of a node.
  const Root& RootOf(std::uint32_t number) const;

 private:
  std::vector<Node> nodes_;
  std::vector<Root> roots_;
  std::vector<std::string> types_{""};
  std::vector<std::string> native_types_{""};
  std::vector<std::string> texts_{""};
  std::uint64_t objects_ = 0;
  std::string damage_;
};

// json.md's words: "module global", "frame local", "thread state".
const char* RootKindName(wire::RootKind kind);

}  // namespace memwhy::model
