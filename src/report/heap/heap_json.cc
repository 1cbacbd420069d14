// SPDX-License-Identifier: Apache-2.0
#include "report/heap/heap_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

namespace memwhy::report {
namespace {

using model::ObjectGraph;
using Node = ObjectGraph::Node;

constexpr std::size_t kMembersShown = 20;

// One object, then the entries of one list, then the rest of the object.
class ListWriter {
 public:
  ListWriter(const Json& head, const char* name, const Sink& sink) : sink_(sink) {
    std::string text = DumpJson(head);
    text.pop_back();  // the closing brace
    sink_(text + ",\"" + name + "\":[");
  }
  void Add(const Json& entry) {
    sink_((is_first_ ? "" : ",") + DumpJson(entry));
    is_first_ = false;
  }
  void Finish(const Json& tail = Json::object()) {
    if (tail.empty()) {
      sink_("]}\n");
      return;
    }
    sink_("]," + DumpJson(tail).substr(1) + "\n");
  }

 private:
  const Sink& sink_;
  bool is_first_ = true;
};

Json DumpHead(const char* schema, const HeapDumpView& dump) {
  return {{"schema", schema}, {"dump", DumpFactsJson(dump)}};
}

Json ObjectJson(const ObjectGraph& graph, Node node, const analysis::HeapSizes& sizes) {
  return {{"address", AddressText(graph.address(node))},
          {"type", graph.TypeName(node)},
          {"shallow", graph.bytes(node)},
          {"retained", sizes.Retained(node).host()},
          {"retained_device", sizes.Retained(node).device},
          {"birth", nullptr}};
}

Json BirthJson(const std::optional<ShownBirth>& birth) {
  if (!birth || !birth->is_known) return nullptr;
  Json stack = Json::array();
  for (const model::Frame& frame : birth->stack) stack.push_back(FrameJson(frame));
  return stack;
}

Json RootJson(const ObjectGraph& graph, const analysis::HeapPath& path) {
  if (path.root == ObjectGraph::kNone) return nullptr;
  const ObjectGraph::Root& root = graph.root(path.root);
  // The shared vocabulary has one word for what functions hold.
  const bool is_greenlets = !root.is_unexplained && root.kind == wire::DumpRoot::kGreenlet;
  return {{"kind", is_greenlets ? "frame local" : model::DumpRootName(root)}, {"name", root.name}};
}

// Of a root that a function has: where it is, and its thread as threading.get_ident() has it.
Json RootFrameJson(const ObjectGraph& graph, const analysis::HeapPath& path) {
  if (path.root == ObjectGraph::kNone) return nullptr;
  const ObjectGraph::Root& root = graph.root(path.root);
  if (root.file.empty()) return nullptr;
  return {{"function", root.name},
          {"file", root.file},
          {"line", root.line == 0 ? Json(nullptr) : Json(root.line)},
          {"thread", root.thread == 0 ? Json(nullptr) : Json(root.thread)},
          {"thread_name", TextOrNull(root.thread_name)}};
}

Json FactNumber(const Json& facts, const char* name) {
  const auto found = facts.find(name);
  return found != facts.end() && found->is_number() ? *found : Json(nullptr);
}

}  // namespace

Json HeapRootJson(const ObjectGraph& graph, const analysis::HeapPath& path) {
  return RootJson(graph, path);
}

Json BirthStackJson(const std::optional<ShownBirth>& birth) { return BirthJson(birth); }

std::string AddressText(std::uint64_t address) { return fmt::format("{:#x}", address); }

Json DumpFactsJson(const HeapDumpView& dump) {
  const ObjectGraph& graph = *dump.graph;
  constexpr const char* kReasons[] = {"could not be read", "has no type", "too many types"};
  Json skipped = Json::array();
  for (std::size_t i = 0; i < std::size(kReasons); ++i) {
    if (graph.skipped().count[i] == 0) continue;
    skipped.push_back({{"why", kReasons[i]}, {"count", graph.skipped().count[i]}});
  }
  const auto method = dump.facts.find("method");
  Json facts = {{"objects", graph.objects()},
                {"edges", graph.edges()},
                {"bytes", graph.total_bytes()},
                {"method", method == dump.facts.end() ? Json(nullptr) : *method},
                {"predicted_pause_ms", FactNumber(dump.facts, "predicted_ms")},
                {"pause_ms", FactNumber(dump.facts, "pause_ms")},
                {"spared_bytes", FactNumber(dump.facts, "spared_bytes")},
                {"lanes", FactNumber(dump.facts, "lanes")},
                {"seconds", FactNumber(dump.facts, "seconds")},
                {"raw_bytes", FactNumber(dump.facts, "raw_bytes")},
                {"file_bytes", dump.file_bytes},
                {"pid", FactNumber(dump.facts, "pid")},
                {"skipped", std::move(skipped)},
                {"complete", graph.damage().empty()}};
  facts["device_bytes"] = Json::object();
  for (const auto& [device, bytes] : graph.DeviceBytes()) {
    facts["device_bytes"][std::string(device)] = bytes;
  }
  if (!graph.damage().empty()) facts["damage"] = graph.damage();
  for (const std::uint64_t address : graph.skipped().examples) {
    facts["skipped_examples"].push_back(AddressText(address));
  }
  return facts;
}

void WriteHeapTypesJson(const HeapDumpView& dump, std::span<const analysis::TypeRow> rows,
                        const Sink& sink) {
  ListWriter list(DumpHead("memwhy.heap.types/1", dump), "types", sink);
  for (const analysis::TypeRow& row : rows) {
    list.Add({{"type", dump.graph->type(row.type).name},
              {"objects", row.objects},
              {"shallow", row.shallow},
              {"retained", row.retained},
              {"retained_device", row.device},
              {"tracked", row.tracked}});
  }
  list.Finish();
}

void WriteHeapRetainedJson(const HeapDumpView& dump, std::span<const Node> nodes,
                           const analysis::HeapSizes& sizes, const analysis::HeapPaths& paths,
                           const Sink& sink) {
  ListWriter list(DumpHead("memwhy.heap.retained/1", dump), "dominators", sink);
  for (const Node node : nodes) {
    const analysis::RetainedBytes retained = sizes.Retained(node);
    const analysis::HeapPath path = paths.To(node);
    list.Add(
        {{"address", AddressText(dump.graph->address(node))},
         {"type", dump.graph->TypeName(node)},
         {"objects", sizes.Objects(node)},
         {"shallow", dump.graph->bytes(node)},
         {"retained",
          {{"python", retained.python}, {"native", retained.native}, {"device", retained.device}}},
         {"path", path.steps},
         {"text", path.text}});
  }
  list.Finish();
}

void WriteHeapPathJson(const HeapDumpView& dump, std::span<const ShownPath> paths,
                       const analysis::HeapSizes& sizes, const Sink& sink) {
  ListWriter list(DumpHead("memwhy.heap.path/1", dump), "paths", sink);
  for (const ShownPath& shown : paths) {
    Json object = ObjectJson(*dump.graph, shown.node, sizes);
    object["birth"] = BirthJson(shown.birth);
    list.Add({{"object", std::move(object)},
              {"root", RootJson(*dump.graph, shown.path)},
              {"path", shown.path.steps},
              {"text", shown.path.text},
              {"frame", RootFrameJson(*dump.graph, shown.path)},
              {"held_by", TextOrNull(shown.path.held_by)},
              {"invisible_to_gc", shown.path.is_invisible_to_gc}});
  }
  list.Finish();
}

void WriteHeapCyclesJson(const HeapDumpView& dump, const analysis::Garbage& garbage,
                         std::size_t top, const Sink& sink) {
  const ObjectGraph& graph = *dump.graph;
  ListWriter list(DumpHead("memwhy.heap.cycles/1", dump), "cycles", sink);
  for (std::size_t i = 0; i < std::min(top, garbage.cycles.size()); ++i) {
    const analysis::GarbageCycle& cycle = garbage.cycles[i];
    std::map<std::string, std::uint64_t> types;
    Json members = Json::array();
    for (const Node node : cycle.members) {
      ++types[std::string(graph.TypeName(node))];
      if (members.size() < kMembersShown) {
        members.push_back({{"address", AddressText(graph.address(node))},
                           {"type", graph.TypeName(node)},
                           {"shallow", graph.bytes(node)}});
      }
    }
    list.Add({{"objects", cycle.members.size()},
              {"bytes", cycle.bytes},
              {"retained", cycle.retained},
              {"retained_device", cycle.device},
              {"types", types},
              {"reachable", false},
              {"why", analysis::CycleWhyName(cycle.why)},
              {"members", std::move(members)}});
  }
  list.Finish({{"totals",
                {{"cycles", garbage.cycles.size()},
                 {"objects", garbage.objects},
                 {"bytes", garbage.bytes}}}});
}

void WriteHeapRefsJson(const HeapDumpView& dump, const analysis::ReferenceBalance& balance,
                       std::size_t top, const Sink& sink) {
  const ObjectGraph& graph = *dump.graph;
  ListWriter list(DumpHead("memwhy.heap.refs/1", dump), "objects", sink);
  for (std::size_t i = 0; i < std::min(top, balance.objects.size()); ++i) {
    const analysis::UnbalancedObject& object = balance.objects[i];
    const bool is_held = object.proof == analysis::ReferenceProof::kHeld;
    const auto proof = is_held ? analysis::ReferenceProof::kPossible : object.proof;
    list.Add({{"address", AddressText(graph.address(object.node))},
              {"type", graph.TypeName(object.node)},
              {"references", object.references},
              {"explained", object.explained},
              {"surplus", object.surplus},
              {"proof", analysis::ReferenceProofName(proof)},
              {"held", is_held},
              {"held_by", TextOrNull(object.held_by)}});
  }
  list.Finish({{"totals",
                {{"checked", balance.checked},
                 {"held", balance.held},
                 {"noise", balance.noise},
                 {"scanned", graph.was_scanned()}}}});
}

void WriteHeapDiffJson(const HeapDumpView& a, const HeapDumpView& b,
                       std::span<const analysis::TypeChange> changes, const Sink& sink) {
  Json head = DumpHead("memwhy.heap.diff/1", b);
  head["before"] = DumpFactsJson(a);
  head["identity"] = "approximate";
  ListWriter list(head, "types", sink);
  for (const analysis::TypeChange& change : changes) {
    list.Add({{"type", change.type},
              {"before", change.before},
              {"after", change.after},
              {"new", change.added},
              {"gone", change.gone},
              {"shallow_delta", change.shallow_delta},
              {"retained_delta", change.retained_delta},
              {"retained_device_delta", change.device_delta}});
  }
  list.Finish();
}

}  // namespace memwhy::report
