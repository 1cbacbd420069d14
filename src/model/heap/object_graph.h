// SPDX-License-Identifier: Apache-2.0
//
// A heap dump as a graph: every object with every reference, in compressed sparse rows. Node 0 is
// the one root above all, node 1 stands for nothing (null pointers and addresses of no object);
// then objects and buffers in the order of the stream, then roots by kind and name.
//
// Invariant: an edge's number is its place among the references of its object as the stream has
// them, so that its label can be told; an edge whose target is unknown leads to node 1. Input is
// hostile: a damaged dump is read up to the damage, and damage() says so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/heap/dump_decoder.h"
#include "model/large_array.h"
#include "model/live/address_index.h"
#include "wire/heap_dump.h"

namespace memwhy::model {

// What a scan of all memory for pointers to some objects has found; asked for after the dump.
struct HolderScan {
  struct Object {
    std::uint64_t address = 0;
    std::uint64_t words = 0;          // that point to it, in all writable memory
    std::uint64_t static_words = 0;   // of them, in libraries' data and in the interpreter's state
    std::vector<std::string> places;  // what some of them lie in, "library:symbol+offset" first
    std::uint64_t native_words = 0;   // in malloc'd memory that one of those or an object leads to
    std::uint64_t holder = 0;         // which leads to the first of them: an address; 0: none
    std::string holder_name = {};     // what that lies in
  };
  bool was_done = false;
  std::uint64_t unread_mappings = 0;  // with any, nothing is proven by what was not found
  std::vector<Object> objects;
};

class ObjectGraph {
 public:
  using Node = std::uint32_t;
  static constexpr Node kTop = 0;
  static constexpr Node kNothing = 1;
  static constexpr Node kFirst = 2;
  static constexpr Node kNone = 0xffffffff;

  struct Type {
    std::string name;  // "module.QualName", builtins without module
    std::uint64_t address = 0;
    std::uint64_t bytes = 0;  // of each object, at least
    std::uint32_t flags = 0;  // wire::kType...
  };
  // Of the edges of one object; `rest` is about those behind the labels.
  struct Shape {
    wire::ShapeRest rest = wire::ShapeRest::kPlain;
    std::uint32_t first_label = 0;
    std::uint32_t labels = 0;
    bool has_found = false;  // some of them were found by a search: EdgeKind::kNative
  };
  struct Root {
    wire::DumpRoot kind{};
    bool is_unexplained = false;  // the objects that nobody accounts for hang on it
    std::string name;
    std::uint64_t thread = 0;      // pthread_self of the thread; 0: none
    std::uint32_t line = 0;        // that a frame is at; 0: not known
    std::string file = {};         // of a frame's function
    std::string thread_name = {};  // as threading calls it; "" not known
  };
  // Of the memory behind tensors, by where it is.
  struct StorageKind {
    std::string type;    // "cuda:0 storage", "cpu storage"
    std::string device;  // "cuda:0"; "": memory of the process
  };
  struct Label {
    wire::EdgeKind kind = wire::EdgeKind::kNone;
    std::string_view text;
    std::int64_t number = 0;  // kIndex, and kValue with is_number
    bool is_number = false;
    bool is_redacted = false;  // kValue: the text is a token (wire/redaction.h)
    Node key = kNone;          // kValue: the key; its text or number is above, where it is known
  };

  static Result<ObjectGraph> Load(DumpSource& source, const HolderScan& scan = {});

  // Nodes [0, size): top, nothing, objects and buffers [kFirst, first_root), roots.
  Node size() const { return size_; }
  Node first_root() const { return first_root_; }
  bool IsObject(Node node) const {
    return node >= kFirst && node < first_root_ && type_[node - kFirst] != kBufferType;
  }
  bool IsBuffer(Node node) const {
    return node >= kFirst && node < first_root_ && type_[node - kFirst] == kBufferType;
  }
  bool IsRoot(Node node) const { return node >= first_root_; }

  std::uint64_t objects() const { return objects_; }
  std::uint64_t edges() const { return edge_count_; }

  std::span<const std::uint64_t> begin() const { return begin_; }
  std::span<const Node> targets() const { return target_; }
  std::span<const Node> Targets(Node node) const {
    return targets().subspan(begin_[node], begin_[node + 1] - begin_[node]);
  }

  std::uint64_t address(Node node) const { return address_[node - kFirst]; }
  std::uint64_t bytes(Node node) const;  // shallow
  // Of all objects and buffers in memory of the process.
  std::uint64_t total_bytes() const;
  // The device that has a buffer, "cuda:0"; "": it is memory of the process, as all others are.
  std::string_view DeviceOf(Node node) const;
  // Of the buffers that devices have, by device, as they came.
  std::vector<std::pair<std::string_view, std::uint64_t>> DeviceBytes() const;
  std::uint32_t type_id(Node node) const { return type_[node - kFirst]; }
  const Type& type(std::uint32_t id) const { return types_[id]; }
  std::size_t types() const { return types_.size(); }
  // Of a buffer its C++ class, where that is known, "cpu storage" or "cuda:0 storage" of a tensor's
  // memory, else "buffer".
  std::string_view TypeName(Node node) const;
  std::string_view NativeClass(Node node) const;  // of a buffer; "" not known
  std::span<const StorageKind> storage_kinds() const { return storage_kinds_; }
  // Of a buffer, by number; nullopt: it is no tensor's.
  std::optional<std::uint32_t> StorageKindOf(Node node) const;
  bool is_tracked(Node node) const {
    return (tracked_[(node - kFirst) >> 6] >> ((node - kFirst) & 63) & 1) != 0;
  }
  // 0: immortal, or not known.
  std::uint64_t references(Node node) const;
  // References that no edge explains; negative: more edges than references. 0 for immortal ones.
  std::int32_t surplus(Node node) const;
  // The collector's list, wire::kListPermanent and so on; kListUnknown where it was not told.
  std::uint32_t list(Node node) const;
  const Root& root(Node node) const { return roots_[node - first_root_]; }

  // The object at exactly this address, or kNone.
  Node Find(std::uint64_t address) const { return index_.Find(address, address_); }
  // Whose memory a block of the allocator is: the buffer or object that begins with it, or the
  // container whose table it is; kNone.
  Node FindOwner(std::uint64_t block) const;
  // The blocks that are parts of objects, and these, by address.
  std::span<const std::pair<std::uint64_t, Node>> own_blocks() const { return own_blocks_; }
  // Items of a container: entries of a dict, of a list; nullopt: it is none, or not known to be
  // one.
  std::optional<std::uint64_t> LengthOf(Node node) const;
  Label LabelOf(Node node, std::uint32_t edge) const;
  // Gives up what a view does not need any more: Find, address and LabelOf; or all edges.
  void DropLookup();
  void DropEdges();

  // What a key says: text, or number; false when it was not written.
  bool KeyOf(Node key, std::string_view* text, std::int64_t* number, bool* is_number) const;
  std::span<const std::pair<Node, Node>> weak() const { return weak_; }

  // Answers of the holder scan: words of memory that point to an object, weak references taken off.
  struct Held {
    Node node = kNone;
    std::uint64_t words = 0;
    std::uint64_t held_words = 0;  // of them, those whose holder is known
    std::string place;             // what one of them lies in; "" none
    std::string holder;            // of a word in native memory; "" none
  };
  const Held* FindHeld(Node node) const;
  bool was_scanned() const { return was_scanned_; }  // all writable memory, and completely

  struct Skipped {
    std::uint64_t count[3] = {};          // by wire::SkipReason
    std::vector<std::uint64_t> examples;  // addresses of the first ones, whatever the reason
  };
  const Skipped& skipped() const { return skipped_; }
  const DumpCollector& collector() const { return collector_; }
  std::uint64_t dangling() const { return dangling_; }  // edges to addresses of no object
  const std::string& damage() const { return damage_; }

 private:
  friend class ObjectGraphLoader;
  Label NameOf(Node node, std::uint32_t edge) const;
  static constexpr std::uint32_t kBufferType = 0xffffff;
  static constexpr std::uint32_t kNoShape = 0xffffffff;
  static constexpr std::uint32_t kLarge = 0xffffffff;  // look into large_
  static constexpr std::uint16_t kMany = 0xffff;

  LargeArray<std::uint64_t> begin_;
  LargeArray<Node> target_;
  LargeArray<std::uint64_t> address_;
  LargeArray<std::uint32_t> bytes_;  // beyond the type's own; of buffers all
  LargeArray<std::uint32_t> type_;
  LargeArray<std::uint32_t> shape_;
  LargeArray<std::uint16_t> references_;                // kMany: look into many_
  std::vector<std::pair<Node, std::uint32_t>> many_;    // reference counts that need more bits
  std::vector<std::pair<Node, std::int32_t>> surplus_;  // by node, where it is not 0
  std::vector<std::uint64_t> tracked_;
  std::vector<std::pair<Node, std::uint32_t>> lists_;  // from this node on, in order
  std::vector<std::pair<Node, std::uint64_t>> large_;  // sizes that need more bits, by node
  std::vector<Type> types_;
  std::vector<Shape> shapes_;
  std::vector<std::pair<wire::EdgeKind, std::uint32_t>> labels_;  // kind, text
  std::vector<std::uint32_t> root_shape_;
  std::vector<Root> roots_;
  std::vector<std::pair<Node, std::uint32_t>> texts_;   // by node: position in text_
  std::vector<std::pair<Node, std::int64_t>> numbers_;  // by node
  std::string text_;                                    // length byte pair, then bytes
  std::vector<std::pair<Node, Node>> weak_;
  std::vector<Held> held_;                                  // by node
  std::vector<std::string> native_types_{""};               // by number
  std::vector<std::pair<Node, std::uint32_t>> classes_;     // of buffers, by node
  std::vector<std::pair<std::uint64_t, Node>> own_blocks_;  // by address
  std::vector<StorageKind> storage_kinds_;
  std::vector<std::pair<Node, std::uint32_t>> storages_;  // by node: which kind
  bool was_scanned_ = false;
  AddressIndex index_;
  Node first_root_ = kFirst;
  Node size_ = 0;
  std::uint64_t edge_count_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t dangling_ = 0;
  Skipped skipped_;
  DumpCollector collector_;
  std::string damage_;
};

// "module global", "frame local" and so on: the words of docs/formats/common.md.
const char* DumpRootName(const ObjectGraph::Root& root);

}  // namespace memwhy::model
