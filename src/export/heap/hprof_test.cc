// SPDX-License-Identifier: Apache-2.0
#include "export/heap/hprof.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <span>
#include <utility>

#include "export/heap/fake_heap.h"
#include "export/heap/hprof_layout.h"
#include "export/text.h"

namespace memwhy::exports {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Pair;
using testing::UnorderedElementsAre;
using Ids = std::vector<std::uint64_t>;

// Reads HPROF as its specification says it, apart from the writer; checks each length.
class Dump {
 public:
  struct Class {
    std::string name;
    std::uint64_t super = 0, bytes = 0;
    std::vector<std::pair<std::string, int>> fields;  // name, type
  };
  struct Object {
    std::string class_name;
    std::map<std::string, std::uint64_t> fields;  // references only
    Ids items;
    std::uint64_t bytes = 0;  // as readers count
  };
  std::map<std::uint64_t, Class> classes;
  std::map<std::uint64_t, Object> objects;
  std::multimap<int, std::uint64_t> roots;  // by tag
  std::uint64_t segments = 0;

  explicit Dump(const model::ObjectGraph& graph) {
    StringSink sink;
    EXPECT_TRUE(WriteHprof(graph, sink));
    text_ = sink.text();
    EXPECT_EQ(text_.substr(0, 19), std::string("JAVA PROFILE 1.0.2\0", 19));
    at_ = 19;
    EXPECT_EQ(Number(4), 8u);
    Number(8);
    bool is_ended = false;
    while (at_ < text_.size()) {
      EXPECT_FALSE(is_ended);
      const auto tag = Number(1);
      Number(4);
      const std::uint64_t bytes = Number(4);
      const std::size_t end = at_ + bytes;
      if (tag == 0x01) {
        const auto id = Number(8);
        EXPECT_TRUE(strings_.emplace(id, text_.substr(at_, end - at_)).second);
        at_ = end;
      } else if (tag == 0x02) {
        Number(4);
        const auto id = Number(8);
        Number(4);
        classes[id].name = strings_.at(Number(8));
      } else if (tag == 0x1c) {
        ++segments;
        EXPECT_LE(bytes, 1u << 20);
        while (at_ < end) Part();
      } else {
        EXPECT_TRUE(tag == 0x05 || tag == 0x2c) << tag;
        is_ended = tag == 0x2c;
        at_ = end;
      }
      EXPECT_EQ(at_, end) << "record " << tag;
    }
    EXPECT_TRUE(is_ended);
    CheckReferences();
  }

  // An object with its arrays.
  std::uint64_t BytesWithArrays(std::uint64_t id) const {
    const Object& object = objects.at(id);
    std::uint64_t bytes = object.bytes;
    for (const char* array : {"items", "bytes"}) {
      const auto found = object.fields.find(array);
      if (found == object.fields.end() || found->second == 0) continue;
      const Object& held = objects.at(found->second);
      if (held.class_name == "java/lang/Object[]" || held.class_name == "byte[]") {
        bytes += held.bytes;
      }
    }
    return bytes;
  }

 private:
  std::uint64_t Number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<std::uint8_t>(text_.at(at_++));
    return value;
  }
  static int Width(int type) {
    return type == 2 || type == 11 ? 8 : type == 10 ? 4 : type == 9 ? 2 : 1;
  }

  void Part() {
    const int tag = static_cast<int>(Number(1));
    switch (tag) {
      case 0xff:
      case 0x05:
        roots.emplace(tag, Number(8));
        return;
      case 0x01:
        roots.emplace(tag, Number(8));
        Number(8);
        return;
      case 0x03:
        roots.emplace(tag, Number(8));
        Number(8);
        return;
      case 0x04:
      case 0x06:
        roots.emplace(tag, Number(8));
        Number(4);
        return;
      case 0x20:
        return ReadClass();
      case 0x21:
        return ReadInstance();
      case 0x22: {
        const auto id = Number(8);
        Number(4);
        const auto count = Number(4);
        EXPECT_EQ(classes.at(Number(8)).name, "[Ljava/lang/Object;");
        Object& object = Add(id, "java/lang/Object[]", (20 + 8 * count + 7) / 8 * 8);
        for (std::uint64_t i = 0; i < count; ++i) object.items.push_back(Number(8));
        return;
      }
      case 0x23: {
        const auto id = Number(8);
        Number(4);
        const auto count = Number(4);
        EXPECT_EQ(Number(1), 8u);
        Add(id, "byte[]", (20 + count + 7) / 8 * 8);
        at_ += count;
        return;
      }
      default:
        FAIL() << "tag " << tag << " at " << at_;
    }
  }
  void ReadClass() {
    const auto id = Number(8);
    ASSERT_TRUE(classes.count(id)) << "a class without a name";
    Class& one = classes[id];
    Number(4);
    one.super = Number(8);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(Number(8), 0u);
    one.bytes = Number(4);
    EXPECT_EQ(Number(2), 0u);
    EXPECT_EQ(Number(2), 0u);
    const auto fields = Number(2);
    std::uint64_t bytes = 16;
    for (std::uint64_t i = 0; i < fields; ++i) {
      const auto name = strings_.at(Number(8));
      const int type = static_cast<int>(Number(1));
      one.fields.emplace_back(name, type);
      bytes += static_cast<std::uint64_t>(Width(type));
    }
    if (one.super != 0 && classes.at(one.super).name == "java/lang/Object") {
      EXPECT_EQ(one.bytes, bytes) << one.name;
    }
  }
  void ReadInstance() {
    const auto id = Number(8);
    Number(4);
    const Class& one = classes.at(Number(8));
    const std::size_t end = at_ + 4 + Number(4);
    Object& object = Add(id, one.name, one.bytes);
    for (const auto& [name, type] : one.fields) {
      const auto value = Number(Width(type));
      if (type == 2) {
        object.fields[name] = value;
      } else {
        EXPECT_EQ(value, 0u);
      }
    }
    EXPECT_EQ(at_, end) << one.name;
  }
  Object& Add(std::uint64_t id, const std::string& class_name, std::uint64_t bytes) {
    EXPECT_NE(id, 0u);
    EXPECT_FALSE(classes.count(id));
    const auto [found, is_new] = objects.emplace(id, Object{class_name, {}, {}, bytes});
    EXPECT_TRUE(is_new) << "two objects with the id " << id;
    return found->second;
  }
  void CheckReferences() const {
    const auto check = [&](std::uint64_t id) {
      EXPECT_TRUE(id == 0 || objects.count(id) || classes.count(id)) << id;
    };
    for (const auto& [id, object] : objects) {
      for (const auto& [name, target] : object.fields) check(target);
      for (const std::uint64_t target : object.items) check(target);
    }
    for (const auto& [tag, target] : roots) check(target);
  }

  std::string text_;
  std::size_t at_ = 0;
  std::map<std::uint64_t, std::string> strings_;
};

// Without the buffer of 5 GiB, which is no text for a test.
Dump DumpOf(FakeHeap& fake) {
  auto graph = fake.Load();
  EXPECT_TRUE(graph);
  EXPECT_EQ(graph->damage(), "");
  return Dump(*graph);
}

const Dump& SmallDump() {
  static const Dump dump = [] {
    SmallHeap heap(1000);
    return DumpOf(heap.dump);
  }();
  return dump;
}

const Ids& ItemsOf(const Dump& dump, std::uint64_t id) {
  return dump.objects.at(dump.objects.at(id).fields.at("items")).items;
}

TEST(HprofTest, NamedEdgesAreFields) {
  const Dump& dump = SmallDump();
  const auto& store = dump.objects.at(SmallHeap::kStore);
  EXPECT_EQ(store.class_name, "app.Store");
  EXPECT_THAT(store.fields, UnorderedElementsAre(Pair("items", SmallHeap::kList),
                                                 Pair("name", SmallHeap::kName)));
  EXPECT_THAT(dump.objects.at(SmallHeap::kModule).fields,
              Contains(Pair("__dict__", SmallHeap::kDict)));
  EXPECT_THAT(dump.objects.at(SmallHeap::kFrame).fields,
              Contains(Pair("closed", SmallHeap::kCell)));
}

TEST(HprofTest, OtherEdgesAreItemsInOrder) {
  const Dump& dump = SmallDump();
  EXPECT_THAT(ItemsOf(dump, SmallHeap::kList),
              ElementsAre(SmallHeap::kName, 0, SmallHeap::kStore, SmallHeap::kStore));
  EXPECT_THAT(ItemsOf(dump, SmallHeap::kDict),
              ElementsAre(SmallHeap::kKey, SmallHeap::kStore, SmallHeap::kFive, SmallHeap::kList));
  EXPECT_THAT(ItemsOf(dump, SmallHeap::kArray), ElementsAre(SmallHeap::kBuffer));
}

TEST(HprofTest, RootsHaveTheirKind) {
  const Dump& dump = SmallDump();
  EXPECT_THAT(dump.roots, Contains(Pair(0x05, SmallHeap::kModule)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x03, SmallHeap::kFrame)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x03, SmallHeap::kList)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x04, SmallHeap::kCell)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x06, SmallHeap::kSet)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x01, SmallHeap::kArray)));
  EXPECT_THAT(dump.roots, Contains(Pair(0x01, SmallHeap::kKey)));
}

TEST(HprofTest, SizesAreTheObjectsTo12Bytes) {
  SmallHeap heap(1000);
  auto graph = heap.dump.Load();
  ASSERT_TRUE(graph);
  for (std::uint32_t node = graph->kFirst; node < graph->first_root(); ++node) {
    EXPECT_NEAR(static_cast<double>(SmallDump().BytesWithArrays(graph->address(node))),
                static_cast<double>(graph->bytes(node)), 12)
        << graph->TypeName(node);
  }
}

TEST(HprofTest, NamesOfAnyBytesStayNames) {
  std::map<std::string, std::set<std::string>> fields;  // by class
  for (const auto& [id, one] : SmallDump().classes) {
    for (const auto& [name, type] : one.fields) fields[one.name].insert(name);
  }
  std::vector<std::string> attributes;
  for (const auto name : kHostileNames) attributes.push_back(ValidUtf8(name));
  for (const auto name : kHostileNames) {
    std::string of_class = ValidUtf8(name);
    if (of_class == "[[[") of_class = "_[[[";
    if (of_class == "a/b/c") of_class = "a|b|c";
    EXPECT_THAT(fields[of_class], testing::IsSupersetOf(attributes)) << of_class;
  }
}

TEST(HprofTest, TwoObjectsAtOneAddressStayTwo) {
  FakeHeap fake;
  const auto type = fake.Type("list", 56, 0);
  fake.Object(type, 0x1000);
  fake.Object(type, 0x1000);
  fake.Root(wire::DumpRoot::kModule, "m", {0x1000});
  const Dump dump = DumpOf(fake);
  std::size_t lists = 0;
  for (const auto& [id, object] : dump.objects) lists += object.class_name == "list";
  EXPECT_EQ(lists, 2u);
}

TEST(HprofTest, OfTwoEdgesWithOneNameTheSecondIsAnItem) {
  FakeHeap fake;
  const auto type = fake.Type("pair", 64, 0);
  const auto shape = fake.Shape(wire::ShapeRest::kPlain, {{wire::EdgeKind::kInternal, "end"},
                                                          {wire::EdgeKind::kInternal, "end"}});
  fake.Object(type, 0x1000, 0, {0x1040, 0x1080}, shape);
  fake.Object(type, 0x1040);
  fake.Object(type, 0x1080);
  fake.Root(wire::DumpRoot::kModule, "m", {0x1000});
  const Dump dump = DumpOf(fake);
  EXPECT_EQ(dump.objects.at(0x1000).fields.at("end"), 0x1040u);
  EXPECT_THAT(ItemsOf(dump, 0x1000), ElementsAre(0x1080));
}

TEST(HprofTest, TypesWithMoreNamesThanRoomKeepTheUsualOnesAsFields) {
  FakeHeap fake;
  const auto frame = fake.Type("frame", 64, 0);  // room for 6 fields
  for (std::uint64_t i = 0; i < 40; ++i) {
    const std::string rare = "local" + std::to_string(i);
    const auto shape = fake.Shape(wire::ShapeRest::kPlain, {{wire::EdgeKind::kLocal, "self"},
                                                            {wire::EdgeKind::kLocal, rare}});
    fake.Object(frame, 0x1000 + i * 64, 0, {0x1000, 0x1040}, shape);
  }
  fake.Root(wire::DumpRoot::kModule, "m", {0x1000});
  const Dump dump = DumpOf(fake);
  const auto& last = dump.objects.at(0x1000 + 39 * 64);
  EXPECT_EQ(last.fields.at("self"), 0x1000u);
  EXPECT_THAT(ItemsOf(dump, 0x1000 + 39 * 64), ElementsAre(0x1040));
}

TEST(HprofTest, EveryEdgeOfARandomHeapIsThere) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    FakeHeap fake = RandomHeap(seed, 200);
    auto graph = fake.Load();
    ASSERT_TRUE(graph);
    const Dump dump(*graph);
    for (std::uint32_t node = graph->kFirst; node < graph->first_root(); ++node) {
      std::multiset<std::uint64_t> expected, written;
      for (const std::uint32_t target : graph->Targets(node)) {
        if (target != graph->kNothing) expected.insert(graph->address(target));
      }
      const auto& object = dump.objects.at(graph->address(node));
      for (const auto& [name, target] : object.fields) {
        if (target == 0 || name == "bytes") continue;
        if (name != "items") {
          written.insert(target);
          continue;
        }
        for (const std::uint64_t item : dump.objects.at(target).items) {
          if (item != 0) written.insert(item);
        }
      }
      ASSERT_EQ(written, expected) << "seed " << seed << ", node " << node;
    }
  }
}

TEST(HprofTest, ManyObjectsFillSeveralSegments) {
  FakeHeap fake = RandomHeap(3, 20000);
  const Dump dump = DumpOf(fake);
  EXPECT_GT(dump.objects.size(), 20000u);
  EXPECT_GT(dump.segments, 1u);
}

// Too large for a test to read: in a file its zeros are a hole.
TEST(HprofTest, ABufferOf5GiBIsSeveralArrays) {
  SmallHeap heap;
  auto graph = heap.dump.Load();
  ASSERT_TRUE(graph);
  class CountingSink : public Sink {
   public:
    std::vector<std::uint64_t> runs;

   protected:
    Result<void> Append(std::string_view) override { return {}; }
    Result<void> AppendZeros(std::uint64_t bytes) override {
      runs.push_back(bytes);
      return {};
    }
  } sink;
  ASSERT_TRUE(WriteHprof(*graph, sink));
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  ASSERT_EQ(sink.runs.size(), 5u);
  EXPECT_THAT(std::span(sink.runs).first(4), testing::Each(kGiB));
  EXPECT_NEAR(static_cast<double>(sink.runs[4]), static_cast<double>(kGiB), 200);
}

TEST(HprofTest, SizesThatCannotBeAreRefused) {
  FakeHeap fake;
  const auto type = fake.Type("bytes", 33, wire::kTypeHasExtra | wire::kTypeIsLeaf);
  fake.Object(type, 0x1000, std::uint64_t{1} << 62);
  fake.Root(wire::DumpRoot::kModule, "m", {0x1000});
  auto graph = fake.Load();
  ASSERT_TRUE(graph);
  StringSink sink;
  EXPECT_FALSE(WriteHprof(*graph, sink));
  EXPECT_EQ(sink.text(), "");
}

TEST(HprofTest, StoragesOfTensorsHaveClassesByPlace) {
  SmallHeap heap(1000);
  constexpr std::uint64_t kOnDevice = 0x7000000;
  constexpr std::uint64_t kOnHost = 0x8000000;
  const auto tensor = heap.dump.Type("torch.Tensor", 80);
  heap.dump.Object(tensor, 0x9000000, 0, {kOnDevice, kOnHost});
  heap.dump.Buffer(kOnDevice, 4096, wire::BufferKind::kDevice, {1, 0});
  heap.dump.Buffer(kOnHost, 512, wire::BufferKind::kStorage);
  heap.dump.Root(wire::DumpRoot::kInterpreter, "interpreter", {0x9000000});
  const Dump dump = DumpOf(heap.dump);
  EXPECT_EQ(dump.objects.at(kOnDevice).class_name, "cuda:0 storage");
  EXPECT_EQ(dump.objects.at(kOnHost).class_name, "cpu storage");
  EXPECT_EQ(dump.objects.at(SmallHeap::kBuffer).class_name, "buffer");
  EXPECT_NEAR(static_cast<double>(dump.BytesWithArrays(kOnDevice)), 4096, 12);
  EXPECT_NEAR(static_cast<double>(dump.BytesWithArrays(kOnHost)), 512, 12);
}

}  // namespace
}  // namespace memwhy::exports
