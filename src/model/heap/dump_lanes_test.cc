// SPDX-License-Identifier: Apache-2.0
//
// Streams of heap dumps that were written in two lanes, as all readers of a stream see them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/heap/fake_dump.h"
#include "model/heap/object_graph.h"
#include "model/heap/type_census.h"

namespace memwhy::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;
using wire::ShapeRest;

constexpr std::uint64_t kNode = 0x7f0000005010;
constexpr std::uint64_t kTwin = 0x7f0000006010;
constexpr std::uint64_t kInner = 0x7f0000008010;

// What types and shapes are called in one lane.
struct Names {
  std::uint32_t module = 0, dict = 0, str = 0, list = 0, type = 0, node = 0;
  std::uint32_t pairs = 0, indexed = 0, attributes = 0, slots = 0;
};

void DefineModule(FakeDump& dump, Names& names) {
  names.attributes = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  names.module = dump.Type("module", 0, 64, 0x5000000);
}
void DefineDict(FakeDump& dump, Names& names) {
  names.pairs = dump.Shape(ShapeRest::kPairs, {});
  names.dict = dump.Type("dict", wire::kTypeHasExtra, 64, 0x5001000);
}
void DefineStr(FakeDump& dump, Names& names) {
  names.str = dump.Type("str", wire::kTypeIsLeaf | wire::kTypeHasExtra, 48, 0x5002000);
}
void DefineList(FakeDump& dump, Names& names) {
  names.indexed = dump.Shape(ShapeRest::kIndexed, {});
  names.list = dump.Type("list", wire::kTypeHasExtra, 56, 0x5003000);
}
void DefineType(FakeDump& dump, Names& names) { names.type = dump.Type("type", 0, 400, 0x5004000); }
void DefineNode(FakeDump& dump, Names& names) {
  names.slots = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "other"}});
  names.node = dump.Type("app.Node", wire::kTypeIsOwned, 48, kClassObject);
}

void PutModule(FakeDump& dump, const Names& names) {
  dump.Object(names.module, kModuleObject, 2, {kDictObject}, names.attributes);
  dump.Object(names.dict, kDictObject, 1, {kKeyObject, kListObject}, names.pairs, 200);
}
void PutList(FakeDump& dump, const Names& names) {
  dump.Object(names.str, kKeyObject, 2, {}, std::nullopt, 6);
  dump.Object(names.list, kListObject, 1, {kNode, 0, kInner}, names.indexed, 32);
}
void PutClass(FakeDump& dump, const Names& names) { dump.Object(names.type, kClassObject, 5, {}); }
void PutNode(FakeDump& dump, const Names& names) {
  dump.Object(names.node, kNode, 1, {kTwin}, names.slots);
}
void PutInner(FakeDump& dump, const Names& names) {
  dump.Object(names.node, kTwin, 1, {kNode}, names.slots);
  dump.Object(names.dict, kInner, 1, {kKeyObject, kModuleObject}, names.pairs, 100);
}
void PutRoots(FakeDump& dump, const Names& names) {
  dump.Key(kKeyObject, "items");
  dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {kModuleObject});
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter", {kModuleObject},
            names.attributes);
  dump.End();
}

FakeDump InOneLane() {
  FakeDump dump;
  Names names;
  DefineModule(dump, names);
  DefineDict(dump, names);
  DefineStr(dump, names);
  DefineList(dump, names);
  DefineType(dump, names);
  DefineNode(dump, names);
  dump.List(2);
  PutModule(dump, names);
  PutClass(dump, names);
  dump.List(0);
  PutList(dump, names);
  PutNode(dump, names);
  dump.List(1);
  PutInner(dump, names);
  PutRoots(dump, names);
  return dump;
}

// Both lanes define str and dict, under other numbers.
FakeDump InTwoLanes() {
  FakeDump dump;
  Names first;
  Names second;
  DefineModule(dump, first);
  dump.List(2);
  dump.Lane(1);
  DefineNode(dump, second);
  DefineStr(dump, second);
  dump.List(0);
  DefineList(dump, second);
  PutList(dump, second);
  dump.Lane(0);
  DefineStr(dump, first);
  DefineDict(dump, first);
  PutModule(dump, first);
  dump.Lane(1);
  PutNode(dump, second);
  dump.Lane(0);
  DefineType(dump, first);
  PutClass(dump, first);
  dump.Lane(1);
  DefineDict(dump, second);
  dump.List(1);
  PutInner(dump, second);
  dump.Lane(0);
  PutRoots(dump, first);
  return dump;
}

ObjectGraph Load(const FakeDump& dump, std::size_t chunk = 1 << 20) {
  FakeDumpSource source(dump.bytes(), chunk);
  auto graph = ObjectGraph::Load(source);
  EXPECT_TRUE(graph) << graph.error().message();
  return std::move(*graph);
}

std::string DamageOf(const FakeDump& dump) { return Load(dump).damage(); }

std::string EdgesOf(const ObjectGraph& graph, ObjectGraph::Node node) {
  std::string text;
  const auto targets = graph.Targets(node);
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const ObjectGraph::Label label = graph.LabelOf(node, i);
    text += " -" + std::to_string(static_cast<int>(label.kind)) + ":" + std::string(label.text) +
            ":" + std::to_string(label.number) + "-> ";
    text += graph.IsObject(targets[i]) ? std::to_string(graph.address(targets[i])) : "nothing";
  }
  return text;
}

// Everything about the objects, by address, and the roots.
std::map<std::string, std::string> Describe(const ObjectGraph& graph) {
  std::map<std::string, std::string> all;
  for (auto node = ObjectGraph::kFirst; node < graph.first_root(); ++node) {
    all[std::to_string(graph.address(node))] =
        std::string(graph.TypeName(node)) + " " + std::to_string(graph.bytes(node)) + " bytes, " +
        std::to_string(graph.references(node)) + " references, list " +
        std::to_string(graph.list(node)) + ", surplus " + std::to_string(graph.surplus(node)) +
        EdgesOf(graph, node);
  }
  for (auto node = graph.first_root(); node < graph.size(); ++node) {
    all["root " + graph.root(node).name] = EdgesOf(graph, node);
  }
  return all;
}

std::vector<std::string> TypesOf(const ObjectGraph& graph) {
  std::vector<std::string> names;
  for (std::uint32_t id = 0; id < graph.types(); ++id) names.push_back(graph.type(id).name);
  return names;
}

TEST(DumpLanes, MakeTheGraphThatOneLaneMakes) {
  const ObjectGraph one = Load(InOneLane());
  ASSERT_EQ(one.objects(), 8u);
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    const ObjectGraph two = Load(InTwoLanes(), chunk);
    EXPECT_EQ(two.damage(), "");
    EXPECT_EQ(two.objects(), one.objects());
    EXPECT_EQ(two.edges(), one.edges());
    EXPECT_EQ(two.total_bytes(), one.total_bytes());
    ASSERT_EQ(Describe(two), Describe(one));
    // Each once, those that both lanes have too.
    EXPECT_THAT(TypesOf(two), ElementsAre("module", "app.Node", "str", "list", "dict", "type"));
    EXPECT_EQ(two.LabelOf(two.Find(kDictObject), 1).text, "items");
    EXPECT_EQ(two.type_id(two.Find(kDictObject)), two.type_id(two.Find(kInner)));
    EXPECT_EQ(two.list(two.Find(kNode)), 0u);
    EXPECT_EQ(two.list(two.Find(kClassObject)), 2u);
    EXPECT_EQ(two.list(two.Find(kInner)), 1u);
  }
}

// The numbers as they stand in the stream.
TEST(DumpLanes, TellAddressesEachAgainstItsOwn) {
  FakeDump dump;
  const auto define = [&] { dump.Type("a", wire::kTypeIsLeaf, 16, 0x1000); };
  const auto put = [&](std::int64_t words) {
    dump.Number(wire::kFirstType);
    dump.Number(wire::ZigZag(words));
    dump.Number(3);
  };
  define();
  put(2);
  dump.Lane(1);
  define();
  put(0x10000);
  dump.Lane(0);
  put(4);
  dump.Lane(1);
  put(6);
  dump.End();
  const ObjectGraph graph = Load(dump);
  EXPECT_EQ(graph.damage(), "");
  ASSERT_EQ(graph.objects(), 4u);
  EXPECT_EQ(graph.address(ObjectGraph::kFirst), 0x1010u);
  EXPECT_EQ(graph.address(ObjectGraph::kFirst + 1), 0x81000u);
  EXPECT_EQ(graph.address(ObjectGraph::kFirst + 2), 0x1030u);
  EXPECT_EQ(graph.address(ObjectGraph::kFirst + 3), 0x81030u);
}

TEST(DumpLanes, WithoutAListHaveNone) {
  FakeDump dump;
  const auto list = dump.Type("list", 0, 56, 0x5000000);
  dump.List(2);
  dump.Object(list, kListObject, 1);
  dump.Lane(1);
  const auto node = dump.Type("app.Node", 0, 48, 0x5001000);
  dump.Object(node, kNode, 1);
  dump.Lane(0);
  dump.Object(list, kInner, 1);
  dump.End();
  const ObjectGraph graph = Load(dump);
  EXPECT_EQ(graph.damage(), "");
  EXPECT_EQ(graph.list(graph.Find(kListObject)), 2u);
  EXPECT_EQ(graph.list(graph.Find(kNode)), wire::kListUnknown);
  EXPECT_EQ(graph.list(graph.Find(kInner)), 2u);
}

TEST(DumpLanes, AreOfOneTypeOnlyWhereAllOfItAgrees) {
  FakeDump dump;
  dump.Type("a", 0, 56, 0x5000000);
  dump.Type("a", 0, 56, 0x5000000);  // one lane's own affair
  dump.Lane(1);
  dump.Type("b", 0, 56, 0x5000008);
  dump.Type("c", 0, 64, 0x5000000);
  dump.Type("d", wire::kTypeIsLeaf, 56, 0x5000000);
  const auto same = dump.Type("a", 0, 56, 0x5000000);
  dump.Object(same, kListObject, 1);
  dump.End();
  const ObjectGraph graph = Load(dump);
  EXPECT_EQ(graph.damage(), "");
  EXPECT_THAT(TypesOf(graph), ElementsAre("a", "a", "b", "c", "d"));
  EXPECT_EQ(graph.type_id(graph.Find(kListObject)), 0u);
}

TEST(DumpLanes, HaveTheirOwnFilesAndNativeTypes) {
  FakeDump dump;
  dump.File("first.py");
  dump.NativeType("1A");
  dump.Lane(1);
  dump.NativeType("1B");
  dump.Root(DumpRoot::kFrame, RootCounts::kEach, "unknown", {});
  dump.File("second.py");
  dump.Block(kInner, 100, 1);
  dump.Lane(0);
  dump.Root(DumpRoot::kFrame, RootCounts::kEach, "known", {});
  dump.Block(kListObject, 100, 1);
  dump.Block(kNode, 100, 0);
  dump.End();
  const ObjectGraph graph = Load(dump);
  EXPECT_EQ(graph.damage(), "");
  EXPECT_EQ(graph.root(graph.first_root()).file, "");
  EXPECT_EQ(graph.root(graph.first_root() + 1).file, "first.py");
  EXPECT_EQ(graph.NativeClass(graph.Find(kInner)), "B");
  EXPECT_EQ(graph.NativeClass(graph.Find(kListObject)), "A");
  EXPECT_EQ(graph.NativeClass(graph.Find(kNode)), "");
}

TEST(DumpLanes, NameNothingThatOnlyTheOtherDefined) {
  const auto damage = [](auto add) {
    FakeDump dump;
    dump.Type("a", 0, 56, 0x5000000);
    dump.Shape(ShapeRest::kIndexed, {});
    dump.NativeType("1A");
    dump.Lane(1);
    add(dump);
    dump.Lane(0);
    dump.End();
    return DamageOf(dump);
  };
  EXPECT_EQ(damage([](FakeDump&) {}), "");
  EXPECT_THAT(damage([](FakeDump& d) { d.Number(wire::kFirstType); }), HasSubstr("of a type"));
  EXPECT_THAT(
      damage([](FakeDump& d) { d.Root(DumpRoot::kModule, RootCounts::kEach, "app", {}, 0); }),
      HasSubstr("a shape that was not defined"));
  EXPECT_THAT(damage([](FakeDump& d) { d.Block(kInner, 100, 1); }), HasSubstr("native type"));
  EXPECT_THAT(damage([](FakeDump& d) { d.TypeTotal(0, 1, 1); }), HasSubstr("total of a type"));
  EXPECT_THAT(damage([](FakeDump& d) { d.Pair(wire::kFirstType, 0, 1); }), HasSubstr("of a type"));
}

TEST(DumpLanes, EndWhereTheStreamEnds) {
  FakeDump dump;
  dump.Lane(1);
  dump.End();
  dump.Byte(255);
  EXPECT_EQ(DamageOf(dump), "");
}

TEST(DumpLanes, AreNoMoreThanThereAre) {
  FakeDump dump;
  dump.Tag(wire::DumpTag::kLane);
  dump.Number(wire::kMaxLanes);
  dump.End();
  EXPECT_EQ(DamageOf(dump), "a lane that cannot be");
  FakeDump far;
  far.Tag(wire::DumpTag::kLane);
  far.Number(std::uint64_t{1} << 32);  // 0 in 32 bits
  far.End();
  EXPECT_EQ(DamageOf(far), "a lane that cannot be");
}

TEST(DumpLanes, CameWithVersionTwo) {
  FakeDump before(1);
  const auto list = before.Type("list", 0, 56, 0x5000000);
  before.Object(list, kListObject, 1, {kListObject});
  FakeDump with_lane = before;
  before.End();
  const ObjectGraph graph = Load(before);
  EXPECT_EQ(graph.damage(), "");
  EXPECT_EQ(graph.objects(), 1u);
  with_lane.Lane(0);
  with_lane.End();
  EXPECT_EQ(DamageOf(with_lane), "a record of a kind that this memwhy does not know");
  for (const std::uint32_t version : {0u, wire::kDumpVersion + 1}) {
    FakeDumpSource source(FakeDump(version).bytes());
    const auto other = ObjectGraph::Load(source);
    ASSERT_FALSE(other);
    EXPECT_THAT(other.error().message(), HasSubstr("this memwhy reads 1 to 3"));
  }
}

TEST(DumpLanes, DefineNoMoreTypesTogetherThanOne) {
  constexpr std::uint64_t kMax = 1 << 20;
  FakeDump dump;
  for (std::uint64_t i = 0; i < kMax; ++i) {
    if (i == kMax / 2) dump.Lane(1);
    dump.Type("", 0, 0, i % (kMax / 2));
  }
  FakeDump more = dump;
  dump.End();
  more.Type("", 0, 0, 0);
  more.End();
  EXPECT_EQ(DamageOf(dump), "");
  EXPECT_EQ(DamageOf(more), "more types than there may be");
}

TEST(DumpLanes, CountTypesTogether) {
  FakeDump dump;
  dump.Type("a", 0, 56, 0x5000000);
  dump.Type("b", 0, 56, 0x5001000);
  dump.TypeTotal(1, 3, 300);
  dump.Lane(1);
  const auto c = dump.Type("c", 0, 56, 0x5002000);
  const auto b = dump.Type("b", 0, 56, 0x5001000);
  dump.TypeTotal(b, 2, 200);
  dump.TypeTotal(c, 1, 10);
  dump.Pair(wire::kFirstType + b, wire::kFirstType + c, 4);
  dump.Pair(wire::kFirstType + c, wire::kFirstType + b, 5);
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto census = ReadTypeCensus(source);
  ASSERT_TRUE(census) << census.error().message();
  ASSERT_EQ(census->types.size(), 3u);
  EXPECT_EQ(census->types[1].name, "b");
  EXPECT_EQ(census->types[1].objects, 5u);
  EXPECT_EQ(census->types[1].bytes, 500u);
  EXPECT_EQ(census->types[2].objects, 1u);
  ASSERT_EQ(census->pairs.size(), 2u);
  EXPECT_EQ(census->types[census->pairs[0].referrer].name, "b");
  EXPECT_EQ(census->types[census->pairs[0].referent].name, "c");
  EXPECT_EQ(census->types[census->pairs[1].referrer].name, "c");
  EXPECT_EQ(census->types[census->pairs[1].referent].name, "b");
}

}  // namespace
}  // namespace memwhy::model
