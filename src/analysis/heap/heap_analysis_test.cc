// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "analysis/heap/heap_clusters.h"
#include "analysis/heap/heap_cycles.h"
#include "analysis/heap/heap_diff.h"
#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_references.h"
#include "analysis/heap/heap_sizes.h"
#include "analysis/heap/heap_trend.h"
#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

using model::FakeDump;
using model::FakeDumpSource;
using model::ObjectGraph;
using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;
using wire::ShapeRest;

constexpr std::uint64_t At(std::uint64_t i) { return 0x7f0000000010 + i * 0x1000; }

// app.CACHE {"a": node 3 -> node 4, "b": node 5}; 6 and 7 are a cycle that nothing holds, 8 hangs
// on it; 9 was leaked.
FakeDump Sample(int more = 0, bool is_redacted = false) {
  FakeDump dump;
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto module_shape = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  const auto next = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "next"}});
  const auto module = dump.Type("module", 0, 64, 0x5000000);
  const auto dict = dump.Type("dict", 0, 100, 0x5001000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 50, 0x5002000);
  const auto node = dump.Type("app.Node", 0, 10, 0x5003000);
  dump.Object(module, At(0), 0, {At(1)}, module_shape);
  dump.Object(dict, At(1), 1, {At(20), At(2)}, pairs);
  dump.Object(dict, At(2), 1, {At(21), At(3), At(22), At(5)}, pairs);
  for (std::uint64_t key : {20, 21, 22}) dump.Object(str, At(key), 1);
  if (is_redacted) dump.Key(At(20), "<str:01234567>");
  dump.Key(At(20), "CACHE");
  dump.Key(At(21), is_redacted ? "<str:7f3a09bc>" : "a");
  dump.Key(At(22), "b");
  dump.Object(node, At(3), 1, {At(4)}, next);
  dump.Object(node, At(4), 1, {0}, next);
  dump.Object(node, At(5), 1, {0}, next);
  dump.Object(node, At(6), 1, {At(7)}, next);
  dump.Object(node, At(7), 1, {At(6), At(8)});
  dump.Object(node, At(8), 1, {});
  dump.Object(node, At(9), 1, {});
  for (int i = 0; i < more; ++i) dump.Object(node, At(100 + static_cast<std::uint64_t>(i)), 1, {});
  dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {At(0)});
  dump.End();
  return dump;
}

ObjectGraph Load(const FakeDump& dump) {
  FakeDumpSource source(dump.bytes());
  auto graph = ObjectGraph::Load(source);
  EXPECT_TRUE(graph);
  return std::move(*graph);
}

// An attribute's name is told beside its token, before or after it.
TEST(HeapPaths, OfARedactedDumpHaveTokensForKeysAndNamesForAttributes) {
  const ObjectGraph graph = Load(Sample(0, true));
  EXPECT_EQ(HeapPaths(graph).To(graph.Find(At(4))).text, "app.CACHE[<str:7f3a09bc>].next");
}

TEST(HeapPaths, ReadLikeCode) {
  const ObjectGraph graph = Load(Sample());
  const HeapPaths paths(graph);
  EXPECT_EQ(paths.To(graph.Find(At(4))).text, "app.CACHE['a'].next");
  const HeapPath path = paths.To(graph.Find(At(5)));
  EXPECT_EQ(path.steps, (std::vector<std::string>{"module app", ".CACHE", "['b']"}));
  EXPECT_EQ(paths.To(graph.Find(At(6))).root, ObjectGraph::kNone);
  EXPECT_EQ(paths.To(graph.Find(At(9))).text, "? -> app.Node");
}

// app.HANDLER, a function of one local and two free variables, the second of which holds a node.
FakeDump Closure(const char* names_label, std::vector<std::uint64_t> names, bool has_names) {
  FakeDump dump;
  const auto attributes = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto indexed = dump.Shape(ShapeRest::kIndexed, {});
  const auto members = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "__code__"},
                                                      {EdgeKind::kAttribute, "__closure__"}});
  const auto code_members = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, names_label}});
  const auto contents = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "cell_contents"}});
  const auto module = dump.Type("module", 0, 100, 0x5000000);
  const auto dict = dump.Type("dict", 0, 100, 0x5001000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 50, 0x5002000);
  const auto function = dump.Type("function", 0, 10, 0x5003000);
  const auto code = dump.Type("code", 0, 10, 0x5004000);
  const auto tuple = dump.Type("tuple", 0, 10, 0x5005000);
  const auto cell = dump.Type("cell", 0, 10, 0x5006000);
  const auto node = dump.Type("app.Node", 0, 10, 0x5007000);
  dump.Object(module, At(0), 0, {At(1)}, attributes);
  dump.Object(str, At(20), 1);
  dump.Key(At(20), "HANDLER");
  const char* texts[] = {"number", "limit", "captured"};
  for (std::uint64_t i = 0; i < 3; ++i) {
    dump.Object(str, At(21 + i), 1);
    if (has_names) dump.Key(At(21 + i), texts[i]);
  }
  dump.Object(dict, At(1), 1, {At(20), At(2)}, pairs);
  dump.Object(function, At(2), 1, {At(3), At(5)}, members);
  dump.Object(code, At(3), 1, {At(4)}, code_members);
  dump.Object(tuple, At(4), 1, std::move(names), indexed);
  dump.Object(tuple, At(5), 1, {At(6), At(7)}, indexed);
  dump.Object(cell, At(6), 1, {0}, contents);
  dump.Object(cell, At(7), 1, {At(8)}, contents);
  dump.Object(node, At(8), 1, {});
  dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {At(0)});
  dump.End();
  return dump;
}

TEST(HeapPaths, AVariableOfAClosureIsCalledByItsName) {
  const auto text = [](const FakeDump& dump, std::uint64_t node) {
    const ObjectGraph graph = Load(dump);
    return HeapPaths(graph).To(graph.Find(At(node))).text;
  };
  const FakeDump old = Closure("co_freevars", {At(22), At(23)}, true);
  EXPECT_EQ(text(old, 8), "app.HANDLER.captured");
  EXPECT_EQ(text(old, 7), "app.HANDLER.captured");
  EXPECT_EQ(text(old, 5), "app.HANDLER.__closure__");
  EXPECT_EQ(text(Closure("co_localsplusnames", {At(21), At(22), At(23)}, true), 8),
            "app.HANDLER.captured");
  // Not told, or fewer names than cells.
  EXPECT_EQ(text(Closure("co_freevars", {At(22), At(23)}, false), 8),
            "app.HANDLER.__closure__[1].cell_contents");
  EXPECT_EQ(text(Closure("co_freevars", {At(22)}, true), 8),
            "app.HANDLER.__closure__[1].cell_contents");
}

// "handle" waits for "query" and up to 3.10 has a frame of its own.
FakeDump Waiting(bool has_frame) {
  FakeDump dump;
  const auto local = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kLocal, "row"}});
  const auto coroutine = dump.Type("coroutine", 0, 100, 0x5000000);
  const auto frame = dump.Type("frame", 0, 100, 0x5001000);
  const auto node = dump.Type("app.Node", 0, 10, 0x5002000);
  dump.Object(coroutine, At(0), 1, {has_frame ? At(1) : At(2)});
  dump.Key(At(0), "handle");
  if (has_frame) {
    dump.Object(frame, At(1), 1, {At(2)});
    dump.Key(At(1), "handle");
  }
  dump.Object(coroutine, At(2), 1, {At(3)}, local);
  dump.Key(At(2), "query");
  dump.Object(node, At(3), 1, {});
  dump.File("/srv/app.py");
  dump.Root(DumpRoot::kGreenlet, RootCounts::kEach, "serve", {At(0)}, local);
  dump.Root(DumpRoot::kThread, RootCounts::kEach, "thread state", {At(0)});
  dump.End();
  return dump;
}

TEST(HeapPaths, ALocalIsOfTheFunctionThatHasIt) {
  for (const bool has_frame : {false, true}) {
    const ObjectGraph graph = Load(Waiting(has_frame));
    const HeapPaths paths(graph);
    const HeapPath path = paths.To(graph.Find(At(3)));
    EXPECT_EQ(path.text, "serve().row -> handle() -> query().row");
    EXPECT_STREQ(DumpRootName(graph.root(path.root)), "local of a waiting greenlet");
    EXPECT_EQ(graph.root(path.root).file, "/srv/app.py");
    EXPECT_EQ(graph.root(path.root + 1).file, "");  // no function has it
  }
}

TEST(HeapSizes, RetainedOfATypeCountsNothingTwice) {
  const ObjectGraph graph = Load(Sample());
  const HeapSizes sizes(graph);
  EXPECT_EQ(sizes.Retained(graph.Find(At(3))).python, 20u);
  EXPECT_EQ(sizes.Retained(graph.Find(At(2))).python, 100u + 20 + 10 + 100);
  EXPECT_EQ(sizes.Objects(graph.Find(At(2))), 6u);
  for (const TypeRow& row : CountTypes(graph, sizes)) {
    if (graph.type(row.type).name == "app.Node") {
      EXPECT_EQ(row.objects, 7u);
      EXPECT_EQ(row.shallow, 70u);
      EXPECT_EQ(row.retained, 70u);
    }
    if (graph.type(row.type).name == "dict") {
      EXPECT_EQ(row.retained, 100u + 50 + 230);
    }
  }
  const auto largest = LargestRetainers(graph, sizes, 2);
  ASSERT_EQ(largest.size(), 2u);
  EXPECT_EQ(graph.address(largest[0]), At(0));
}

TEST(HeapCycles, GarbageIsACycleAndWhatHangsOnIt) {
  const ObjectGraph graph = Load(Sample());
  const Garbage garbage = FindGarbage(graph);
  EXPECT_EQ(garbage.objects, 3u);
  ASSERT_EQ(garbage.cycles.size(), 1u);
  EXPECT_EQ(garbage.cycles[0].members.size(), 2u);
  EXPECT_EQ(garbage.cycles[0].bytes, 20u);
  EXPECT_EQ(garbage.cycles[0].retained, 30u);
  EXPECT_EQ(garbage.cycles[0].why, CycleWhy::kDisabled);
}

TEST(HeapReferences, AreProvenOnlyByAScan) {
  const FakeDump dump = Sample();
  const auto balance = BalanceReferences(Load(dump));
  ASSERT_EQ(balance.objects.size(), 1u);
  EXPECT_EQ(balance.objects[0].surplus, 1);
  EXPECT_EQ(balance.objects[0].proof, ReferenceProof::kPossible);
  model::HolderScan scan;
  scan.was_done = true;
  scan.objects.push_back({At(9), 0, 0, {}});
  for (const bool is_whole : {true, false}) {
    scan.unread_mappings = is_whole ? 0 : 1;
    FakeDumpSource source(dump.bytes());
    const auto graph = ObjectGraph::Load(source, scan);
    ASSERT_TRUE(graph);
    EXPECT_EQ(BalanceReferences(*graph).objects[0].proof,
              is_whole ? ReferenceProof::kCertain : ReferenceProof::kPossible);
  }
}

TEST(HeapReferences, AreHeldWhereWordsOfAKnownHolderExplainAll) {
  const FakeDump dump = Sample();
  const auto proof_of = [&](std::uint64_t words, std::uint64_t native) {
    model::HolderScan scan;
    scan.was_done = true;
    scan.objects.push_back({At(9), words, 0, {"heap"}, native, 1, "libfoo.so:list+0x0"});
    FakeDumpSource source(dump.bytes());
    const auto graph = ObjectGraph::Load(source, scan);
    EXPECT_TRUE(graph);
    return BalanceReferences(*graph).objects[0];
  };
  EXPECT_EQ(proof_of(1, 1).proof, ReferenceProof::kHeld);
  EXPECT_EQ(proof_of(1, 1).held_by, "memory behind libfoo.so:list+0x0");
  EXPECT_EQ(proof_of(1, 0).proof, ReferenceProof::kPossible);
  EXPECT_EQ(proof_of(0, 0).proof, ReferenceProof::kCertain);
}

// A frame `run` with the local variable `owner` -> `held`, and one on its stack; 40 others hang on
// a list that is local, too. `made` and two of another type have no edge. Each has a reference too
// many, and no word of memory accounts for it.
TEST(HeapReferences, WhatARunningCallMayHoldIsNotProven) {
  for (const bool has_thread : {true, false}) {
    FakeDump dump;
    const auto attribute = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "held"}});
    const auto locals =
        dump.Shape(ShapeRest::kPlain, {{EdgeKind::kLocal, "owner"}, {EdgeKind::kLocal, "items"}});
    const auto indexed = dump.Shape(ShapeRest::kIndexed, {});
    const auto owner = dump.Type("app.Owner", 0, 10, 0x5000000);
    const auto held = dump.Type("app.Held", 0, 10, 0x5001000);
    const auto list = dump.Type("list", 0, 10, 0x5002000);
    const auto lost = dump.Type("app.Lost", 0, 10, 0x5003000);
    const auto made = dump.Type("app.Made", 0, 10, 0x5004000);
    const auto lone = dump.Type("app.Lone", 0, 10, 0x5005000);
    dump.Object(owner, At(0), 1, {At(1)}, attribute);
    dump.Object(held, At(1), 2, {});
    dump.Object(held, At(2), 2, {});
    std::vector<std::uint64_t> items;
    for (std::uint64_t i = 0; i < 40; ++i) items.push_back(At(100 + i));
    dump.Object(list, At(3), 1, items, indexed);
    for (const std::uint64_t item : items) dump.Object(lost, item, 2, {});
    dump.Object(made, At(4), 1, {});
    for (std::uint64_t i = 5; i < 7; ++i) dump.Object(lone, At(i), 1, {});
    dump.Root(has_thread ? DumpRoot::kFrame : DumpRoot::kInterpreter, RootCounts::kEach, "run",
              {At(0), At(3)}, locals);
    if (has_thread) dump.Root(DumpRoot::kStack, RootCounts::kMaybe, "run", {At(2)});
    dump.End();
    model::HolderScan scan;
    scan.was_done = true;
    for (std::uint64_t i : {1, 2, 4, 5, 6}) scan.objects.push_back({At(i), 0, 0, {}});
    for (const std::uint64_t item : items) scan.objects.push_back({item, 1, 0, {}});
    FakeDumpSource source(dump.bytes());
    const auto graph = ObjectGraph::Load(source, scan);
    ASSERT_TRUE(graph);
    std::map<std::string, int> proven;
    for (const UnbalancedObject& object : BalanceReferences(*graph).objects) {
      proven[std::string(graph->TypeName(object.node))] +=
          object.proof == ReferenceProof::kPossible ? 0 : 1;
    }
    EXPECT_EQ(proven["app.Held"], has_thread ? 0 : 2);
    EXPECT_EQ(proven["app.Made"], has_thread ? 0 : 1);
    EXPECT_EQ(proven["app.Lone"], 2);
    EXPECT_EQ(proven["app.Lost"], 40);
  }
}

TEST(HeapClusters, AreOneForEachWay) {
  const ObjectGraph graph = Load(Sample());
  const HeapSizes sizes(graph);
  const HeapPaths paths(graph);
  EXPECT_EQ(PathSignature(paths.To(graph.Find(At(4)))), "app.CACHE[*].next");
  const ObjectGraph::Node nodes[] = {graph.Find(At(3)), graph.Find(At(4)), graph.Find(At(5)),
                                     graph.Find(At(6))};
  const HeapClusters found = ClusterByPath(graph, sizes, paths, nodes);
  EXPECT_EQ(found.objects, 4u);
  ASSERT_EQ(found.clusters.size(), 3u);
  EXPECT_EQ(found.clusters[0].signature, "app.CACHE[*]");
  EXPECT_EQ(found.clusters[0].objects, 2u);
  EXPECT_EQ(found.clusters[0].retained, 30u);
  EXPECT_EQ(found.clusters[0].example, graph.Find(At(3)));
  EXPECT_EQ(found.clusters[0].owner, graph.Find(At(2)));
  EXPECT_EQ(ClusterByPath(graph, sizes, paths, nodes, 2).objects, 2u);
}

TEST(HeapTrend, TellsWhatGrowsEachTime) {
  HeapTrend trend;
  for (const int more : {0, 5, 9}) trend.Add(Load(Sample(more)));
  const auto types = trend.Types();
  ASSERT_EQ(types.size(), 1u);
  EXPECT_EQ(types[0].type, "app.Node");
  EXPECT_TRUE(types[0].grows);
  EXPECT_EQ(types[0].objects, (std::vector<std::uint64_t>{7, 12, 16}));
  trend.Add(Load(Sample(8)));
  EXPECT_FALSE(trend.Types()[0].grows);
}

TEST(HeapDiff, CountsNewAndGone) {
  const ObjectGraph a = Load(Sample());
  const ObjectGraph b = Load(Sample(5));
  const auto changes = DiffTypes(a, HeapSizes(a), b, HeapSizes(b));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].type, "app.Node");
  EXPECT_EQ(changes[0].added, 5u);
  EXPECT_EQ(changes[0].gone, 0u);
  EXPECT_EQ(changes[0].shallow_delta, 50);
}

// app.CACHE is a model of 1000 bytes on a device and 300 on the host, with a view of the first; two
// tensors that hold each other are garbage.
FakeDump Tensors(std::uint64_t device_bytes) {
  FakeDump dump;
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto module_shape = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  const auto module = dump.Type("module", 0, 64, 0x5000000);
  const auto dict = dump.Type("dict", 0, 100, 0x5001000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 50, 0x5002000);
  const auto node = dump.Type("app.Model", 0, 10, 0x5003000);
  const auto tensor = dump.Type("torch.Tensor", 0, 80, 0x5004000);
  dump.Object(module, At(0), 0, {At(1)}, module_shape);
  dump.Object(dict, At(1), 1, {At(20), At(2)}, pairs);
  dump.Object(str, At(20), 1);
  dump.Key(At(20), "CACHE");
  dump.Object(node, At(2), 1, {At(3), At(4), At(5)});
  dump.Object(tensor, At(3), 1, {At(50)});
  dump.Buffer(At(50), device_bytes, wire::BufferKind::kDevice, {1, 0});
  dump.Object(tensor, At(4), 1, {At(50)});
  dump.Object(tensor, At(5), 1, {At(51)});
  dump.Buffer(At(51), 300, wire::BufferKind::kStorage);
  dump.Object(tensor, At(6), 1, {At(7), At(52)});
  dump.Buffer(At(52), 7000, wire::BufferKind::kDevice, {1, 1});
  dump.Object(tensor, At(7), 1, {At(6)});
  dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {At(0)});
  dump.End();
  return dump;
}

TEST(HeapSizes, MemoryOfDevicesHasAColumnOfItsOwn) {
  const ObjectGraph graph = Load(Tensors(1000));
  const HeapSizes sizes(graph);
  const RetainedBytes model = sizes.Retained(graph.Find(At(2)));
  EXPECT_EQ(model.python, 10u + 3 * 80);
  EXPECT_EQ(model.native, 300u);
  EXPECT_EQ(model.device, 1000u);  // the view shares it
  EXPECT_EQ(model.host(), 550u);
  EXPECT_EQ(sizes.Retained(graph.Find(At(3))).device, 0u);
  EXPECT_EQ(sizes.Objects(graph.Find(At(2))), 4u);
  for (const TypeRow& row : CountTypes(graph, sizes)) {
    if (graph.type(row.type).name == "app.Model") {
      EXPECT_EQ(row.retained, 550u);
      EXPECT_EQ(row.device, 1000u);
    }
    if (graph.type(row.type).name == "torch.Tensor") {
      EXPECT_EQ(row.shallow, 5 * 80u);
      EXPECT_EQ(row.retained, 5 * 80u + 300);
      EXPECT_EQ(row.device, 0u);  // of two of them
    }
  }
}

TEST(HeapSizes, WhoKeepsADevicesMemoryComesFirst) {
  const ObjectGraph graph = Load(Tensors(1'000'000));
  const HeapSizes sizes(graph);
  const auto largest = LargestRetainers(graph, sizes, 3);
  ASSERT_EQ(largest.size(), 3u);
  EXPECT_EQ(graph.address(largest[2]), At(2));
  const HeapPaths paths(graph);
  EXPECT_TRUE(paths.To(graph.Find(At(50))).text.starts_with("app.CACHE"));
  const std::vector<ObjectGraph::Node> models{graph.Find(At(2))};
  const HeapClusters clusters = ClusterByPath(graph, sizes, paths, models);
  ASSERT_EQ(clusters.clusters.size(), 1u);
  EXPECT_EQ(clusters.clusters[0].retained, 550u);
  EXPECT_EQ(clusters.clusters[0].device, 1'000'000u);
}

TEST(HeapCycles, GarbageKeepsMemoryOfDevices) {
  const Garbage garbage = FindGarbage(Load(Tensors(1000)));
  ASSERT_EQ(garbage.cycles.size(), 1u);
  EXPECT_EQ(garbage.cycles[0].retained, 160u);
  EXPECT_EQ(garbage.cycles[0].device, 7000u);
  EXPECT_EQ(garbage.bytes, 160u);
}

TEST(HeapDiff, MemoryOfDevicesIsAChangeOfItsOwn) {
  const ObjectGraph a = Load(Tensors(1000));
  const ObjectGraph b = Load(Tensors(5000));
  const auto changes = DiffTypes(a, HeapSizes(a), b, HeapSizes(b));
  ASSERT_EQ(changes.size(), 3u);  // the model, and the dict and the module above it
  for (const TypeChange& change : changes) {
    EXPECT_EQ(change.retained_delta, 0) << change.type;
    EXPECT_EQ(change.device_delta, 4000) << change.type;
  }
}

}  // namespace
}  // namespace memwhy::analysis
