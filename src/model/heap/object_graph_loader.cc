// SPDX-License-Identifier: Apache-2.0
//
// ObjectGraph::Load: from the stream of a dump to rows of edges, in two passes.
#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <unordered_map>

#include "model/heap/object_graph.h"

namespace memwhy::model {
namespace {

using Node = ObjectGraph::Node;

constexpr std::uint64_t kMaxNodes = 0xfffffff0;

std::uint32_t AddText(std::string& blob, std::string_view text) {
  const auto at = static_cast<std::uint32_t>(blob.size());
  blob.push_back(static_cast<char>(text.size() & 0xff));
  blob.push_back(static_cast<char>(text.size() >> 8));
  blob.append(text);
  return at;
}

// What modules in C and Cython make once and keep.
constexpr std::string_view kConstants[] = {"bytes", "int",  "float",    "complex",
                                           "tuple", "code", "frozenset"};

// "libpython3.12.so.1.0:_PyRuntime+0x6f3b0" is the interpreter's, "_datetime.so:us_per_ms+0x0" not.
bool IsExtensions(std::string_view place) {
  return place.find(".so") != std::string_view::npos && !place.starts_with("libpython");
}

std::string Demangle(std::string_view mangled) {
  const std::string text(mangled);
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && plain != nullptr ? std::string(plain.get()) : text;
}

}  // namespace

// The first pass: everything but where edges lead to.
class ObjectGraphLoader {
 public:
  ObjectGraphLoader(ObjectGraph& graph, const HolderScan& scan) : graph_(graph), scan_(scan) {}

  struct First : DumpVisitor {
    explicit First(ObjectGraph& g) : graph(g) {}
    void OnType(std::string_view name, std::uint64_t flags, std::uint64_t bytes,
                std::uint64_t address) {
      graph.types_.push_back(
          {std::string(name), address, bytes, static_cast<std::uint32_t>(flags & 0xff)});
    }
    void OnShape(wire::ShapeRest rest, const std::vector<DumpLabel>& labels) {
      graph.shapes_.push_back({rest, static_cast<std::uint32_t>(graph.labels_.size()),
                               static_cast<std::uint32_t>(labels.size())});
      for (const DumpLabel& label : labels) {
        graph.labels_.emplace_back(label.kind, AddText(graph.text_, label.text));
        if (label.kind == wire::EdgeKind::kNative) graph.shapes_.back().has_found = true;
      }
    }
    void OnList(std::uint64_t list) {
      graph.lists_.emplace_back(Next(), static_cast<std::uint32_t>(list));
    }
    void OnObject(const DumpObject& object) {
      Close();
      if (is_full()) return;
      const ObjectGraph::Type& type = graph.types_[object.type];
      Add(object.address, object.type, object.extra_bytes);
      graph.shape_.push_back(object.shape);
      PushReferences(object.references);
      const std::size_t index = graph.type_.size() - 1;
      if ((index >> 6) >= graph.tracked_.size()) graph.tracked_.push_back(0);
      if (object.is_tracked) graph.tracked_[index >> 6] |= std::uint64_t{1} << (index & 63);
      open = (type.flags & wire::kTypeIsOwned) != 0 ? 1 : 0;
      is_open = true;
      ++graph.objects_;
    }
    // Edges are counted, not believed: a damaged record may claim any number.
    void OnEdge(std::uint64_t) { ++open; }
    void PushReferences(std::uint64_t count) {
      if (count >= ObjectGraph::kMany) {
        graph.many_.emplace_back(
            Next() - 1, static_cast<std::uint32_t>(std::min<std::uint64_t>(count, 0x7fffffff)));
        count = ObjectGraph::kMany;
      }
      graph.references_.push_back(static_cast<std::uint16_t>(count));
    }
    void Close() {
      if (is_open) counts.push_back(open);
      if (is_root_open) root_counts.push_back(open);
      is_open = is_root_open = false;
      open = 0;
    }
    void OnBuffer(const DumpBuffer& buffer) {
      AddBuffer(buffer.address, buffer.bytes);
      if (is_full() || buffer.kind == wire::BufferKind::kArray) return;
      graph.storages_.emplace_back(Next() - 1, KindOf(buffer));
    }
    std::uint32_t KindOf(const DumpBuffer& buffer) {
      const bool is_device = buffer.kind == wire::BufferKind::kDevice;
      const std::uint32_t number =
          is_device ? 1u + buffer.device.type * 256u + buffer.device.index : 0;
      const auto [found, is_new] =
          kinds.try_emplace(number, static_cast<std::uint32_t>(graph.storage_kinds_.size()));
      if (is_new) {
        const std::string device = is_device ? DeviceName(buffer.device) : "";
        graph.storage_kinds_.push_back({(is_device ? device : "cpu") + " storage", device});
      }
      return found->second;
    }
    // Its edges are those that follow.
    void AddBuffer(std::uint64_t address, std::uint64_t bytes) {
      Close();
      if (is_full()) return;
      Add(address, ObjectGraph::kBufferType, bytes);
      graph.shape_.push_back(ObjectGraph::kNoShape);
      graph.references_.push_back(0);
      const std::size_t index = graph.type_.size() - 1;
      if ((index >> 6) >= graph.tracked_.size()) graph.tracked_.push_back(0);
      is_open = true;
    }
    void OnNativeType(std::string_view mangled) {
      graph.native_types_.push_back(Demangle(mangled));
    }
    void OnBlock(const DumpBlock& block) {
      AddBuffer(block.address, block.bytes);
      if (is_full()) return;
      if (block.native_type != 0) graph.classes_.emplace_back(Next() - 1, block.native_type);
    }
    void OnTorch(const DumpTorch& torch) {
      AddBuffer(torch.address, torch.bytes);
      if (is_full()) return;
      graph.shape_.back() = torch.shape;
      if (torch.native_type != 0) graph.classes_.emplace_back(Next() - 1, torch.native_type);
    }
    void OnRoot(const DumpRootRecord& root) {
      Close();
      graph.roots_.push_back({root.kind, false, std::string(root.name), root.thread,
                              static_cast<std::uint32_t>(root.line), std::string(root.file)});
      graph.root_shape_.push_back(root.shape);
      is_root_open = true;
    }
    void OnThread(std::uint64_t thread, std::string_view name) {
      thread_names[thread] = std::string(name);
    }
    // A thread's name may come behind its frames.
    void NameThreads() {
      for (ObjectGraph::Root& root : graph.roots_) {
        if (const auto found = thread_names.find(root.thread); found != thread_names.end()) {
          root.thread_name = found->second;
        }
      }
    }
    void OnCollector(const DumpCollector& collector) { graph.collector_ = collector; }
    void OnSkipped(wire::SkipReason why, std::uint64_t address) {
      if (graph.skipped_.examples.size() < 8) graph.skipped_.examples.push_back(address);
      const auto index = static_cast<std::size_t>(why);
      if (index < std::size(graph.skipped_.count)) ++graph.skipped_.count[index];
    }
    void Add(std::uint64_t address, std::uint32_t type, std::uint64_t bytes) {
      graph.address_.push_back(address);
      graph.type_.push_back(type);
      if (bytes >= ObjectGraph::kLarge) {
        graph.large_.emplace_back(Next() - 1, bytes);
        graph.bytes_.push_back(ObjectGraph::kLarge);
      } else {
        graph.bytes_.push_back(static_cast<std::uint32_t>(bytes));
      }
    }
    Node Next() const { return ObjectGraph::kFirst + static_cast<Node>(graph.address_.size()); }
    bool is_full() const { return graph.address_.size() >= kMaxNodes; }

    ObjectGraph& graph;
    std::unordered_map<std::uint32_t, std::uint32_t> kinds;  // of storages, by device
    std::uint64_t open = 0;  // edges of the record that is being read
    bool is_open = false;
    bool is_root_open = false;
    // Edges of each node and root; short for nearly all.
    struct Counts {
      void push_back(std::uint64_t n) {
        if (n >= 0xffff) large.emplace_back(small.size(), n);
        small.push_back(static_cast<std::uint16_t>(std::min<std::uint64_t>(n, 0xffff)));
      }
      LargeArray<std::uint16_t> small;
      std::vector<std::pair<std::size_t, std::uint64_t>> large;
    };
    Counts counts;
    std::vector<std::uint64_t> root_counts;
    std::map<std::uint64_t, std::string> thread_names;
  };

  // The second pass: the edges, by number.
  struct Second : DumpVisitor {
    Second(ObjectGraph& g, LargeArray<std::int32_t>& balance) : graph(g), surplus(balance) {}
    void OnObject(const DumpObject& object) {
      Finish();
      if (node >= graph.first_root_) return;
      at = graph.begin_[node];
      end = graph.begin_[node + 1];
      counts = wire::RootCounts::kEach;
      is_block = false;
      const bool has_found =
          object.shape != ObjectGraph::kNoShape && graph.shapes_[object.shape].has_found;
      found_shape = has_found ? &graph.shapes_[object.shape] : nullptr;
      const ObjectGraph::Type& type = graph.types_[object.type];
      owner =
          (type.flags & wire::kTypeIsOwned) != 0 ? graph.Find(type.address) : ObjectGraph::kNone;
      has_owner = (type.flags & wire::kTypeIsOwned) != 0;
      ++node;
    }
    void OnBuffer(const DumpBuffer&) {
      Finish();
      ++node;
    }
    void OnBlock(const DumpBlock&) {
      Finish();
      if (node >= graph.first_root_) return;
      at = graph.begin_[node];
      end = graph.begin_[node + 1];
      counts = wire::RootCounts::kNone;
      found_shape = nullptr;
      is_block = true;
      ++node;
    }
    // Pointers to Python objects are references where nothing else explains them.
    void OnTorch(const DumpTorch& torch) {
      OnBlock({});
      is_block = false;
      if (torch.shape != ObjectGraph::kNoShape && graph.shapes_[torch.shape].has_found) {
        found_shape = &graph.shapes_[torch.shape];
      }
    }
    void OnOwn(std::uint64_t object_address, std::uint64_t block) {
      const Node object = graph.Find(object_address);
      if (object != ObjectGraph::kNone) graph.own_blocks_.emplace_back(block, object);
    }
    void OnRoot(const DumpRootRecord& record) {
      Finish();
      const Node number = graph.first_root_ + root++;
      at = graph.begin_[number];
      end = graph.begin_[number + 1];
      counts = record.counts;
      found_shape = nullptr;
      is_block = false;
    }
    void OnEdge(std::uint64_t address) {
      if (at >= end) return;
      Node target = ObjectGraph::kNothing;
      if (address != 0) {
        target = graph.Find(address);
        if (target == ObjectGraph::kNone) {
          target = ObjectGraph::kNothing;
          ++graph.dangling_;
        } else if (found_shape != nullptr && IsFound()) {
          found.emplace_back(at, target);
        } else if (is_block && graph.IsObject(target) && graph.references(target) != 0) {
          in_blocks.emplace_back(at, target);
        } else if (counts == wire::RootCounts::kEach) {
          --surplus[target - ObjectGraph::kFirst];
        }
      }
      graph.target_[at++] = target;
    }
    bool IsFound() const {
      const std::uint64_t index = at - graph.begin_[node - 1];
      return index < found_shape->labels &&
             graph.labels_[found_shape->first_label + index].first == wire::EdgeKind::kNative;
    }
    void OnText(std::uint64_t address, std::string_view text) {
      const Node key = graph.Find(address);
      if (key == ObjectGraph::kNone) return;
      graph.texts_.emplace_back(key, AddText(graph.text_, text));
    }
    void OnNumber(std::uint64_t address, std::int64_t number) {
      const Node key = graph.Find(address);
      if (key != ObjectGraph::kNone) graph.numbers_.emplace_back(key, number);
    }
    void OnWeak(std::uint64_t from, std::uint64_t to) {
      const Node source = graph.Find(from);
      const Node target = graph.Find(to);
      if (source != ObjectGraph::kNone && target != ObjectGraph::kNone) {
        graph.weak_.emplace_back(source, target);
      }
    }
    // The reference to the type, which the stream leaves out.
    void Finish() {
      if (has_owner && at < end) {
        const Node type = owner == ObjectGraph::kNone ? ObjectGraph::kNothing : owner;
        if (owner != ObjectGraph::kNone) --surplus[owner - ObjectGraph::kFirst];
        graph.target_[end - 1] = type;
      }
      has_owner = false;
    }

    ObjectGraph& graph;
    LargeArray<std::int32_t>& surplus;  // references that no edge explains, so far
    Node node = ObjectGraph::kFirst;
    Node root = 0;
    std::uint64_t at = 0;
    std::uint64_t end = 0;
    wire::RootCounts counts = wire::RootCounts::kEach;
    bool has_owner = false;
    Node owner = ObjectGraph::kNone;
    const ObjectGraph::Shape* found_shape = nullptr;    // of the object, if it has such edges
    std::vector<std::pair<std::uint64_t, Node>> found;  // where in target_, to what
    bool is_block = false;
    std::vector<std::pair<std::uint64_t, Node>> in_blocks;  // likewise, counted objects
  };

  Result<void> Load(DumpSource& source) {
    First first(graph_);
    DumpDecoder<First> decoder(source, first);
    MEMWHY_TRY_VOID(decoder.Run());
    first.Close();
    first.NameThreads();
    graph_.damage_ = decoder.damage();
    if (first.is_full()) return Error("the dump has more than 4 billion objects");
    graph_.index_ = AddressIndex(graph_.address_, ObjectGraph::kFirst);
    graph_.first_root_ = first.Next();
    TakeScan(first);
    LayOut(first);
    Second second(graph_, surplus_);
    DumpDecoder again(source, second);
    MEMWHY_TRY_VOID(again.Run());
    second.Finish();
    SettleFound(second);
    FillGlobals(second);
    SettleBlocks(second);
    std::sort(graph_.texts_.begin(), graph_.texts_.end());
    std::sort(graph_.numbers_.begin(), graph_.numbers_.end());
    std::sort(graph_.own_blocks_.begin(), graph_.own_blocks_.end());
    AddUnexplained();
    return {};
  }

 private:
  // A root for each library's word that points to an object asked for, and for malloc'd memory that
  // does so and to which only a library's word leads; the edges come later.
  void TakeScan(First& first) {
    graph_.was_scanned_ = scan_.was_done && scan_.unread_mappings == 0;
    for (const HolderScan::Object& object : scan_.objects) {
      const Node node = graph_.Find(object.address);
      if (node == ObjectGraph::kNone) continue;
      graph_.held_.push_back({node, object.words, object.static_words + object.native_words,
                              object.places.empty() ? "" : object.places[0], HolderName(object)});
      ObjectGraph::Root root;
      root.kind = wire::DumpRoot::kNativeGlobal;
      if (object.static_words != 0) {
        root.name = object.places.empty() ? "a library's data" : object.places[0];
      } else if (object.holder != 0 && graph_.Find(object.holder) == ObjectGraph::kNone) {
        root.name = HolderName(object);
      } else {
        continue;
      }
      graph_.roots_.push_back(std::move(root));
      graph_.root_shape_.push_back(ObjectGraph::kNoShape);
      first.root_counts.push_back(1);
      globals_.emplace_back(node, object.static_words);
    }
    std::sort(graph_.held_.begin(), graph_.held_.end(),
              [](const auto& a, const auto& b) { return a.node < b.node; });
  }

  // In words, who leads to native memory.
  std::string HolderName(const HolderScan::Object& object) {
    if (object.holder == 0) return "";
    const Node node = graph_.Find(object.holder);
    if (node == ObjectGraph::kNone) return "memory behind " + object.holder_name;
    if (object.holder == object.address) return "memory behind itself";
    return "memory behind an object of " + std::string(graph_.TypeName(node));
  }

  // A search of an extension's object may take what was in its memory before for a reference: where
  // all references are explained by edges that are sure, it was none.
  void SettleFound(const Second& second) {
    for (const auto& [at, target] : second.found) {
      if (!graph_.IsObject(target) || graph_.references(target) == 0) continue;
      std::int32_t& surplus = surplus_[target - ObjectGraph::kFirst];
      if (surplus > 0) {
        --surplus;
      } else {
        graph_.target_[at] = ObjectGraph::kNothing;
      }
    }
  }

  // Nobody clears a native block: a word of it is a reference where nothing else explains one, in
  // the order of the blocks. It explains none itself: what was left over may point to a lost
  // object.
  void SettleBlocks(const Second& second) {
    std::unordered_map<Node, std::int32_t> taken;
    for (const auto& [at, target] : second.in_blocks) {
      const std::int32_t surplus = surplus_[target - ObjectGraph::kFirst];
      if (surplus <= 0 || ++taken[target] > surplus) graph_.target_[at] = ObjectGraph::kNothing;
    }
  }

  // Names and types that C code keeps in its data are no leaks: they are references of a named
  // root. So are constants in an extension's data; the interpreter's own is full of what was left
  // over. Of other objects such a word only says where to look.
  void FillGlobals(const Second& second) {
    const Node first = graph_.first_root_ + second.root;
    for (std::size_t i = 0; i < globals_.size(); ++i) {
      const auto& [node, words] = globals_[i];
      const std::size_t at = graph_.begin_[first + i];
      if (at < graph_.begin_[first + i + 1]) graph_.target_[at] = node;
      const std::string_view type = graph_.TypeName(node);
      std::int32_t& surplus = surplus_[node - ObjectGraph::kFirst];
      if (type != "str" && type != "type" && type != "abc.ABCMeta") {
        const bool is_constant =
            std::find(std::begin(kConstants), std::end(kConstants), type) != std::end(kConstants);
        const auto* held = graph_.FindHeld(node);
        if (!is_constant || held == nullptr || !IsExtensions(held->place)) continue;
      }
      if (surplus > 0) {
        const std::uint64_t explained = std::min(static_cast<std::uint64_t>(surplus), words);
        surplus -= static_cast<std::int32_t>(explained);
        if (ObjectGraph::Held* held = FindHeld(node)) held->held_words -= explained;
      }
    }
    // A weak reference is a word too, and explains itself.
    for (const auto& [source, target] : graph_.weak_) {
      ObjectGraph::Held* held = FindHeld(target);
      if (held != nullptr && held->words != 0) --held->words;
    }
  }

  ObjectGraph::Held* FindHeld(Node node) {
    const auto found = std::lower_bound(graph_.held_.begin(), graph_.held_.end(), node,
                                        [](const auto& held, Node n) { return held.node < n; });
    return found != graph_.held_.end() && found->node == node ? &*found : nullptr;
  }

  void LayOut(First& first) {
    std::uint64_t at = 0;
    graph_.begin_.push_back(at);  // top: to each root
    at += graph_.roots_.size() + 1;
    graph_.begin_.push_back(at);  // nothing
    auto large = first.counts.large.begin();
    for (std::size_t i = 0; i < first.counts.small.size(); ++i) {
      graph_.begin_.push_back(at);
      std::uint64_t count = first.counts.small[i];
      if (large != first.counts.large.end() && large->first == i) {
        count = large->second;
        ++large;
      }
      at += count;
    }
    first.counts.small.clear();
    for (const std::uint64_t count : first.root_counts) {
      graph_.begin_.push_back(at);
      at += count;
    }
    graph_.begin_.push_back(at);  // the unexplained
    graph_.begin_.push_back(at);
    graph_.target_.resize(at);
    for (std::size_t i = 0; i <= graph_.roots_.size(); ++i) {
      graph_.target_[i] = graph_.first_root_ + static_cast<Node>(i);
    }
    for (std::size_t i = graph_.roots_.size() + 1; i < at; ++i) {
      graph_.target_[i] = ObjectGraph::kNothing;
    }
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root_; ++node) {
      surplus_.push_back(static_cast<std::int32_t>(graph_.references(node)));
    }
  }

  // Objects that no root reaches but that have more references than edges: something holds them
  // that is no object, so they and what hangs on them are no garbage.
  void AddUnexplained() {
    for (std::size_t i = 0; i < surplus_.size(); ++i) {
      if (graph_.references_[i] == 0) surplus_[i] = 0;
      if (surplus_[i] != 0) {
        graph_.surplus_.emplace_back(ObjectGraph::kFirst + static_cast<Node>(i), surplus_[i]);
      }
    }
    graph_.size_ = static_cast<Node>(graph_.begin_.size() - 1);
    std::vector<std::uint64_t> seen((graph_.size() + 63) / 64);
    std::vector<Node> stack;
    const auto reach = [&](Node from) {
      stack.push_back(from);
      while (!stack.empty()) {
        const Node node = stack.back();
        stack.pop_back();
        for (const Node target : graph_.Targets(node)) {
          std::uint64_t& word = seen[target >> 6];
          const std::uint64_t bit = std::uint64_t{1} << (target & 63);
          if ((word & bit) != 0) continue;
          word |= bit;
          stack.push_back(target);
        }
      }
    };
    reach(ObjectGraph::kTop);
    // By address: of one that leads to another the first one counts, and the order of the stream is
    // by chance where two processes wrote it.
    std::vector<std::pair<std::uint64_t, Node>> unreached;
    for (Node node = ObjectGraph::kFirst; node < graph_.first_root_; ++node) {
      if ((seen[node >> 6] >> (node & 63) & 1) != 0) continue;
      // Immortal objects are held by the interpreter.
      const std::size_t i = node - ObjectGraph::kFirst;
      const bool is_immortal = graph_.references_[i] == 0 && graph_.IsObject(node);
      if (surplus_[i] > 0 || is_immortal) unreached.emplace_back(graph_.address_[i], node);
    }
    std::sort(unreached.begin(), unreached.end());
    for (const auto& [address, node] : unreached) {
      if ((seen[node >> 6] >> (node & 63) & 1) != 0) continue;
      graph_.target_.push_back(node);
      seen[node >> 6] |= std::uint64_t{1} << (node & 63);
      reach(node);
    }
    graph_.begin_.back() = graph_.target_.size();
    ObjectGraph::Root root;
    root.is_unexplained = true;
    root.name = "unexplained";
    graph_.roots_.push_back(std::move(root));
    graph_.root_shape_.push_back(ObjectGraph::kNoShape);
    graph_.edge_count_ = graph_.target_.size();
  }

  ObjectGraph& graph_;
  LargeArray<std::int32_t> surplus_;  // by object
  const HolderScan& scan_;
  std::vector<std::pair<Node, std::uint64_t>> globals_;  // object, words; in the order of the roots
};

Result<ObjectGraph> ObjectGraph::Load(DumpSource& source, const HolderScan& scan) {
  ObjectGraph graph;
  MEMWHY_TRY_VOID(ObjectGraphLoader(graph, scan).Load(source));
  return graph;
}

}  // namespace memwhy::model
