// SPDX-License-Identifier: Apache-2.0
#include "model/heap/object_graph.h"

#include <gtest/gtest.h>

#include <random>

#include "model/heap/fake_dump.h"

namespace memwhy::model {
namespace {

using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;
using wire::ShapeRest;

constexpr std::uint64_t kLeaked = 0x7f0000005010;
constexpr std::uint64_t kAlone = 0x7f0000006010;
constexpr std::uint64_t kPartner = 0x7f0000008010;

// module app -> dict {"items": [instance, null, leaked]}; two objects that hold each other.
FakeDump Sample() {
  FakeDump dump;
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto indexed = dump.Shape(ShapeRest::kIndexed, {});
  const auto module_shape = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
  const auto named = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "other"}});
  const auto module = dump.Type("module", 0, 64, 0x5000000);
  const auto dict = dump.Type("dict", wire::kTypeHasExtra, 64, 0x5001000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf | wire::kTypeHasExtra, 48, 0x5002000);
  const auto list = dump.Type("list", wire::kTypeHasExtra, 56, 0x5003000);
  const auto type = dump.Type("type", 0, 400, 0x5004000);
  const auto instance = dump.Type("app.Node", wire::kTypeIsOwned, 48, kClassObject);
  dump.Object(module, kModuleObject, 2, {kDictObject}, module_shape);
  dump.Object(dict, kDictObject, 1, {kKeyObject, kListObject}, pairs, 200);
  dump.Object(str, kKeyObject, 1, {}, std::nullopt, 6);
  dump.Object(list, kListObject, 1, {kAlone, 0, kLeaked, 0xdead0}, indexed, 32);
  dump.Object(str, kLeaked, 3, {}, std::nullopt, 100);
  dump.Object(instance, kAlone, 1, {kPartner}, named);
  dump.Object(instance, kPartner, 1, {kPartner}, named);
  dump.Object(type, kClassObject, 2, {});
  dump.Key(kKeyObject, "items");
  dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {kModuleObject});
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter", {kModuleObject});
  dump.End();
  return dump;
}

TEST(ObjectGraph, ReadsObjectsEdgesLabelsAndBalances) {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    FakeDumpSource source(Sample().bytes(), chunk);
    const auto graph = ObjectGraph::Load(source);
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->damage(), "");
    EXPECT_EQ(graph->objects(), 8u);
    const auto list = graph->Find(kListObject);
    EXPECT_EQ(graph->bytes(list), 56u + 32u);
    EXPECT_EQ(graph->TypeName(list), "list");
    const auto targets = graph->Targets(list);
    ASSERT_EQ(targets.size(), 4u);
    EXPECT_EQ(targets[0], graph->Find(kAlone));
    EXPECT_EQ(targets[1], ObjectGraph::kNothing);
    EXPECT_EQ(targets[2], graph->Find(kLeaked));
    EXPECT_EQ(targets[3], ObjectGraph::kNothing);
    EXPECT_EQ(graph->dangling(), 1u);
    EXPECT_EQ(graph->LabelOf(list, 2).kind, EdgeKind::kIndex);
    EXPECT_EQ(graph->LabelOf(list, 2).number, 2);
    const auto value = graph->LabelOf(graph->Find(kDictObject), 1);
    EXPECT_EQ(value.kind, EdgeKind::kValue);
    EXPECT_EQ(value.text, "items");
    // The reference to the class comes last and is not in the stream.
    const auto alone = graph->Find(kAlone);
    ASSERT_EQ(graph->Targets(alone).size(), 2u);
    EXPECT_EQ(graph->Targets(alone)[1], graph->Find(kClassObject));
    EXPECT_EQ(graph->LabelOf(alone, 1).kind, EdgeKind::kType);
    EXPECT_EQ(graph->LabelOf(alone, 0).text, "other");
    EXPECT_EQ(graph->surplus(graph->Find(kLeaked)), 2);
    EXPECT_EQ(graph->surplus(graph->Find(kModuleObject)), 1);  // an alias explains nothing
    EXPECT_EQ(graph->surplus(graph->Find(kClassObject)), 0);
    EXPECT_EQ(graph->surplus(graph->Find(kPartner)), -1);
    EXPECT_EQ(graph->Find(kListObject + 8), ObjectGraph::kNone);
    EXPECT_EQ(graph->Find(0), ObjectGraph::kNone);
  }
}

TEST(ObjectGraph, WhatNobodyAccountsForHangsOnARootOfItsOwn) {
  FakeDump dump;
  const auto list = dump.Type("list", 0, 56, 0x5000000);
  dump.Object(list, kListObject, 2, {kAlone});  // held by who knows whom
  dump.Object(list, kAlone, 1, {});
  dump.Object(list, kModuleObject, 1, {kDictObject});  // a cycle: garbage
  dump.Object(list, kDictObject, 1, {kModuleObject});
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  const ObjectGraph::Node last = graph->size() - 1;
  EXPECT_TRUE(graph->root(last).is_unexplained);
  ASSERT_EQ(graph->Targets(last).size(), 1u);
  EXPECT_EQ(graph->Targets(last)[0], graph->Find(kListObject));
}

TEST(ObjectGraph, AScanNamesLibrariesAndSettlesNamesAndTypes) {
  FakeDump dump;
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 48, 0x5000000);
  const auto list = dump.Type("list", 0, 56, 0x5001000);
  dump.Object(str, kKeyObject, 3);
  dump.Object(list, kListObject, 2, {});
  dump.End();
  HolderScan scan;
  scan.was_done = true;
  scan.objects.push_back({kKeyObject, 2, 2, {"libfoo.so:name+0x0"}});
  scan.objects.push_back({kListObject, 1, 1, {"libfoo.so:cache+0x8"}});
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source, scan);
  ASSERT_TRUE(graph);
  EXPECT_TRUE(graph->was_scanned());
  EXPECT_EQ(graph->surplus(graph->Find(kKeyObject)), 1);  // two of three are the library's
  EXPECT_EQ(graph->surplus(graph->Find(kListObject)),
            2);  // a word alone explains nothing here
  ASSERT_NE(graph->FindHeld(graph->Find(kListObject)), nullptr);
  EXPECT_EQ(graph->FindHeld(graph->Find(kListObject))->place, "libfoo.so:cache+0x8");
  const ObjectGraph::Root& root = graph->root(graph->first_root());
  EXPECT_EQ(root.name, "libfoo.so:name+0x0");
  EXPECT_STREQ(DumpRootName(root), "c global");
}

TEST(ObjectGraph, WhoLeadsToNativeMemoryIsNamed) {
  FakeDump dump;
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 48, 0x5000000);
  const auto list = dump.Type("ext.Holder", 0, 56, 0x5001000);
  dump.Object(str, kKeyObject, 3);
  dump.Object(list, kListObject, 2, {});
  dump.Object(list, kAlone, 1, {});
  constexpr std::uint64_t kCircle = kAlone + 0x100;
  dump.Object(list, kCircle, 1, {});
  dump.End();
  HolderScan scan;
  scan.was_done = true;
  scan.objects.push_back({kKeyObject, 3, 2, {"libfoo.so:name+0x0"}, 0, 0, ""});
  scan.objects.push_back({kListObject, 2, 0, {"heap"}, 2, kAlone, "heap"});
  scan.objects.push_back({kAlone, 1, 0, {"heap"}, 1, 0x7000000, "libfoo.so:list+0x0"});
  scan.objects.push_back({kCircle, 1, 0, {"heap"}, 1, kCircle, "heap"});
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source, scan);
  ASSERT_TRUE(graph);
  const auto held = [&](std::uint64_t address) { return graph->FindHeld(graph->Find(address)); };
  EXPECT_EQ(held(kKeyObject)->held_words, 0u);  // they have explained two references
  EXPECT_EQ(held(kListObject)->held_words, 2u);
  EXPECT_EQ(held(kListObject)->holder, "memory behind an object of ext.Holder");
  EXPECT_EQ(held(kAlone)->holder, "memory behind libfoo.so:list+0x0");
  EXPECT_EQ(held(kCircle)->holder, "memory behind itself");
  // A library is a root; an object that leads there would be none.
  const ObjectGraph::Node root = graph->first_root() + 1;
  EXPECT_EQ(graph->root(root).name, "memory behind libfoo.so:list+0x0");
  EXPECT_EQ(graph->Targets(root)[0], graph->Find(kAlone));
  EXPECT_EQ(graph->size(), graph->first_root() + 3);  // and the unexplained
}

TEST(ObjectGraph, ConstantsInAnExtensionsDataAreItsOwn) {
  FakeDump dump;
  const auto bytes = dump.Type("bytes", wire::kTypeIsLeaf, 33, 0x5000000);
  const auto list = dump.Type("list", 0, 56, 0x5001000);
  for (const std::uint64_t address : {kKeyObject, kLeaked, kAlone}) dump.Object(bytes, address, 1);
  dump.Object(list, kListObject, 1, {});
  dump.End();
  HolderScan scan;
  scan.was_done = true;
  scan.objects.push_back({kKeyObject, 1, 1, {"_foo.so:constant+0x0"}});
  scan.objects.push_back({kLeaked, 1, 1, {"libpython3.12.so.1.0:_PyRuntime+0x9a0"}});
  scan.objects.push_back({kAlone, 1, 1, {"heap"}});
  scan.objects.push_back({kListObject, 1, 1, {"_foo.so:constant+0x8"}});
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source, scan);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->surplus(graph->Find(kKeyObject)), 0);
  EXPECT_EQ(graph->surplus(graph->Find(kLeaked)), 1);  // may be left over from what was there
  EXPECT_EQ(graph->surplus(graph->Find(kAlone)), 1);
  EXPECT_EQ(graph->surplus(graph->Find(kListObject)), 1);  // no constant
}

TEST(ObjectGraph, WhatASearchFoundExplainsOnlyWhatNothingElseDoes) {
  FakeDump dump;
  const auto found =
      dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "x"}, {EdgeKind::kNative, ""}});
  const auto type = dump.Type("ext.Holder", 0, 64, 0x5000000);
  const auto list = dump.Type("list", 0, 56, 0x5001000);
  // Before those that are sure, and twice: of one reference two words.
  dump.Object(type, kModuleObject, 0, {0, kAlone}, found);
  dump.Object(type, kDictObject, 0, {kPartner, kAlone}, found);
  dump.Object(type, kKeyObject, 0, {0, kListObject}, found);
  dump.Object(list, kClassObject, 0, {kListObject});
  dump.Object(list, kListObject, 1, {});
  dump.Object(list, kAlone, 1, {});
  dump.Object(list, kPartner, 1, {});
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  for (const std::uint64_t address : {kListObject, kAlone, kPartner}) {
    EXPECT_EQ(graph->surplus(graph->Find(address)), 0) << std::hex << address;
  }
  EXPECT_EQ(graph->Targets(graph->Find(kModuleObject))[1], graph->Find(kAlone));
  EXPECT_EQ(graph->Targets(graph->Find(kDictObject))[0], graph->Find(kPartner));
  EXPECT_EQ(graph->Targets(graph->Find(kDictObject))[1], ObjectGraph::kNothing);
  EXPECT_EQ(graph->Targets(graph->Find(kKeyObject))[1], ObjectGraph::kNothing);
}

TEST(ObjectGraph, ReadsACutStreamUpToTheCut) {
  const std::vector<std::uint8_t> whole = Sample().bytes();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    FakeDumpSource source({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    const auto graph = ObjectGraph::Load(source);
    if (!graph) {
      EXPECT_LT(length, 9u) << graph.error().message();
      continue;
    }
    EXPECT_NE(graph->damage(), "") << length;
    EXPECT_EQ(graph->begin().back(), graph->targets().size());
  }
}

TEST(ObjectGraph, AnyDamageLeavesAGraph) {
  const std::vector<std::uint8_t> whole = Sample().bytes();
  std::mt19937 random(20261125);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::uint8_t> bytes = whole;
    for (int i = 0; i < 1 + round % 3; ++i) {
      bytes[9 + random() % (bytes.size() - 9)] = static_cast<std::uint8_t>(random());
    }
    FakeDumpSource source(bytes, 1 + random() % 40);
    const auto graph = ObjectGraph::Load(source);
    if (!graph) continue;
    for (ObjectGraph::Node node = 0; node < graph->size(); ++node) {
      const auto targets = graph->Targets(node);
      for (std::uint32_t edge = 0; edge < targets.size(); ++edge) {
        ASSERT_LT(targets[edge], graph->size());
        graph->LabelOf(node, edge);
      }
    }
  }
}

TEST(ObjectGraph, BelievesNoCount) {
  FakeDump dump;
  const auto list = dump.Type("list", 0, 56, 0x5000000);
  dump.Object(list, kListObject, 1, {kAlone});
  dump.Number(wire::kFirstType + list);
  dump.Address(kAlone);
  dump.Number(3);
  dump.Number(std::uint64_t{1} << 60);  // edges that never come
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  EXPECT_NE(graph->damage(), "");
  EXPECT_EQ(graph->Targets(graph->Find(kListObject)).size(), 1u);
}

TEST(ObjectGraph, RefusesWhatIsNoDump) {
  FakeDumpSource text({'n', 'o', ' ', 'd', 'u', 'm', 'p', '!', '!'});
  EXPECT_FALSE(ObjectGraph::Load(text));
  std::vector<std::uint8_t> bytes(std::begin(wire::kDumpMagic), std::end(wire::kDumpMagic));
  bytes.push_back(99);
  FakeDumpSource version(bytes);
  const auto graph = ObjectGraph::Load(version);
  ASSERT_FALSE(graph);
  EXPECT_NE(graph.error().message().find("version"), std::string::npos);
}

// An extension's object, a C++ object behind it that holds another block and a dict; the dict's
// table; a list that lies in a block of its own behind the collector's head.
TEST(ObjectGraph, NativeBlocksAreNodesWithEdges) {
  constexpr std::uint64_t kTensor = 0x7f0000010010;
  constexpr std::uint64_t kImpl = 0x7f0000020000;
  constexpr std::uint64_t kData = 0x7f0000030000;
  constexpr std::uint64_t kTable = 0x7f0000040000;
  constexpr std::uint64_t kBigList = 0x7f0000050010;
  FakeDump dump;
  const auto tensor = dump.Type("torch.Tensor", 0, 72, 0x5000000);
  const auto dict = dump.Type("dict", wire::kTypeHasExtra, 64, 0x5001000);
  const auto list = dump.Type("list", wire::kTypeHasExtra, 56, 0x5003000);
  dump.Object(tensor, kTensor, 1, {kImpl});
  dump.Object(dict, kDictObject, 1, {}, std::nullopt, 5000);
  dump.Own(kDictObject, kTable);
  dump.Object(list, kBigList, 1, {}, std::nullopt, 900);
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter", {kTensor, kBigList});
  dump.NativeType("N3c1010TensorImplE");
  dump.Block(kImpl, 200, 1, {kData, kDictObject});
  dump.Block(kData, 4096, 0);
  dump.End();
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{1} << 20}) {
    FakeDumpSource source(dump.bytes(), chunk);
    const auto graph = ObjectGraph::Load(source);
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->damage(), "");
    EXPECT_EQ(graph->objects(), 3u);
    const auto impl = graph->Find(kImpl);
    ASSERT_TRUE(graph->IsBuffer(impl));
    EXPECT_EQ(graph->bytes(impl), 200u);
    EXPECT_EQ(graph->TypeName(impl), "c10::TensorImpl");
    EXPECT_EQ(graph->TypeName(graph->Find(kData)), "buffer");
    EXPECT_EQ(graph->NativeClass(graph->Find(kData)), "");
    const auto targets = graph->Targets(impl);
    ASSERT_EQ(targets.size(), 2u);
    EXPECT_EQ(targets[0], graph->Find(kData));
    EXPECT_EQ(targets[1], graph->Find(kDictObject));
    EXPECT_EQ(graph->LabelOf(impl, 0).kind, EdgeKind::kNative);
    EXPECT_EQ(graph->LabelOf(graph->Find(kTensor), 0).kind, EdgeKind::kNative);
    // A word in native memory is no reference that counts: it may be borrowed.
    EXPECT_EQ(graph->surplus(graph->Find(kDictObject)), 1);
    EXPECT_EQ(graph->surplus(graph->Find(kTensor)), 0);
    EXPECT_EQ(graph->FindOwner(kData), graph->Find(kData));
    EXPECT_EQ(graph->FindOwner(kTable), graph->Find(kDictObject));
    EXPECT_EQ(graph->FindOwner(kBigList - 16), graph->Find(kBigList));
    EXPECT_EQ(graph->FindOwner(kBigList - 64), ObjectGraph::kNone);
  }
}

// Behind an object whose edges were found by a search come blocks: theirs are none of that kind.
TEST(ObjectGraph, EdgesOfABlockExplainNothingWhateverComesBefore) {
  constexpr std::uint64_t kSearched = 0x7f0000010010;
  constexpr std::uint64_t kImpl = 0x7f0000020000;
  constexpr std::uint64_t kHeld = 0x7f0000030010;
  FakeDump dump;
  const auto found = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kNative, ""}});
  const auto opaque = dump.Type("lib.Handle", 0, 72, 0x5000000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf | wire::kTypeHasExtra, 48, 0x5002000);
  dump.Object(str, kHeld, 1, {}, std::nullopt, 6);
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter", {kSearched});
  dump.Object(opaque, kSearched, 1, {kImpl}, found);
  dump.Block(kImpl, 200, 0, {kHeld});
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph) << graph.error().message();
  EXPECT_EQ(graph->surplus(graph->Find(kHeld)), 1);
  EXPECT_EQ(graph->Targets(graph->Find(kImpl))[0], graph->Find(kHeld));
}

// What was left over in a block is no reference to an object whose references are all explained.
TEST(ObjectGraph, AWordOfABlockIsAReferenceWhereNothingElseExplainsOne) {
  constexpr std::uint64_t kImpl = 0x7f0000020000;
  constexpr std::uint64_t kExplained = 0x7f0000030010;
  constexpr std::uint64_t kHeldOnce = 0x7f0000040010;
  constexpr std::uint64_t kHolder = 0x7f0000050010;
  FakeDump dump;
  const auto list = dump.Type("list", 0, 56, 0x5000000);
  dump.Object(list, kExplained, 1, {});
  dump.Object(list, kHeldOnce, 2, {});
  dump.Object(list, kHolder, 1, {kExplained, kHeldOnce});
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter", {kHolder});
  dump.Block(kImpl, 200, 0, {kExplained, kHeldOnce, kHeldOnce});
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph) << graph.error().message();
  const auto targets = graph->Targets(graph->Find(kImpl));
  ASSERT_EQ(targets.size(), 3u);
  EXPECT_EQ(targets[0], ObjectGraph::kNothing);
  EXPECT_EQ(targets[1], graph->Find(kHeldOnce));
  EXPECT_EQ(targets[2], ObjectGraph::kNothing);
  EXPECT_EQ(graph->surplus(graph->Find(kHeldOnce)), 1);
}

TEST(ObjectGraph, ABlockOfAnUnknownClassIsDamage) {
  FakeDump dump;
  dump.Block(0x7f0000020000, 200, 1);
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->damage(), "a block of a native type that was not defined");
}

// Two tensors on one storage of a device, and one in memory of the process.
FakeDump Tensors() {
  FakeDump dump;
  const auto tensor = dump.Type("torch.Tensor", 0, 80, 0x5000000);
  dump.Object(tensor, kListObject, 1, {kDictObject});
  dump.Buffer(kDictObject, std::uint64_t{64} << 30, wire::BufferKind::kDevice, {1, 0});
  dump.Object(tensor, kModuleObject, 1, {kDictObject, kKeyObject});
  dump.Buffer(kKeyObject, 4000, wire::BufferKind::kStorage);
  dump.Object(tensor, kAlone, 1, {kLeaked});
  dump.Buffer(kLeaked, 100, wire::BufferKind::kDevice, {20, 0xff});
  dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "interpreter",
            {kListObject, kModuleObject, kAlone});
  dump.End();
  return dump;
}

TEST(ObjectGraph, MemoryOfDevicesIsNoMemoryOfTheProcess) {
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{1} << 20}) {
    FakeDumpSource source(Tensors().bytes(), chunk);
    const auto graph = ObjectGraph::Load(source);
    ASSERT_TRUE(graph) << graph.error().message();
    EXPECT_EQ(graph->damage(), "");
    const auto device = graph->Find(kDictObject);
    EXPECT_TRUE(graph->IsBuffer(device));
    EXPECT_EQ(graph->TypeName(device), "cuda:0 storage");
    EXPECT_EQ(graph->DeviceOf(device), "cuda:0");
    EXPECT_EQ(graph->bytes(device), std::uint64_t{64} << 30);
    EXPECT_EQ(graph->TypeName(graph->Find(kKeyObject)), "cpu storage");
    EXPECT_EQ(graph->DeviceOf(graph->Find(kKeyObject)), "");
    EXPECT_EQ(graph->DeviceOf(graph->Find(kListObject)), "");
    EXPECT_EQ(graph->TypeName(graph->Find(kLeaked)), "privateuseone storage");
    EXPECT_EQ(graph->total_bytes(), 3 * 80u + 4000);
    const auto devices = graph->DeviceBytes();
    ASSERT_EQ(devices.size(), 2u);
    EXPECT_EQ(devices[0], std::pair(std::string_view("cuda:0"), std::uint64_t{64} << 30));
    EXPECT_EQ(devices[1], std::pair(std::string_view("privateuseone"), std::uint64_t{100}));
    EXPECT_EQ(graph->LabelOf(graph->Find(kListObject), 0).kind, EdgeKind::kNative);
  }
}

TEST(ObjectGraph, ABufferOfAnUnknownKindIsDamage) {
  FakeDump dump;
  dump.Buffer(kDictObject, 200, static_cast<wire::BufferKind>(3));
  dump.End();
  FakeDumpSource source(dump.bytes());
  const auto graph = ObjectGraph::Load(source);
  ASSERT_TRUE(graph);
  EXPECT_EQ(graph->damage(), "a buffer of a kind that this memwhy does not know");
}

TEST(DeviceName, IsPyTorchs) {
  EXPECT_EQ(DeviceName({1, 0}), "cuda:0");
  EXPECT_EQ(DeviceName({6, 1}), "hip:1");
  EXPECT_EQ(DeviceName({12, 3}), "xpu:3");
  EXPECT_EQ(DeviceName({19, 0}), "mtia:0");
  EXPECT_EQ(DeviceName({9, 0xff}), "xla");
  EXPECT_EQ(DeviceName({77, 2}), "device type 77:2");
}

}  // namespace
}  // namespace memwhy::model
