// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/find_holders.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

using model::FakeDump;
using model::ObjectGraph;
using wire::DumpRoot;
using wire::EdgeKind;
using wire::RootCounts;
using wire::ShapeRest;

constexpr std::uint64_t kFirstBlock = 0x100000;
constexpr std::uint64_t kModule = 0x1000;
constexpr std::uint64_t kGlobals = 0x2000;
constexpr std::uint64_t kName = 0x2800;
constexpr std::uint64_t kContainer = 0x3000;
constexpr std::uint64_t kFirstItem = 0x40000;
constexpr std::uint64_t kFirstKey = 0x8000000;

// module app -> its dict -> one container under a name.
class App {
 public:
  explicit App(std::string_view name) {
    pairs_ = dump.Shape(ShapeRest::kPairs, {});
    indexed_ = dump.Shape(ShapeRest::kIndexed, {});
    const auto attributes = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttributes, "__dict__"}});
    const auto module = dump.Type("module", 0, 72, 0x500000);
    dict_ = dump.Type("dict", wire::kTypeHasExtra, 64, 0x501000);
    list_ = dump.Type("list", wire::kTypeHasExtra, 56, 0x502000);
    str_ = dump.Type("str", wire::kTypeIsLeaf | wire::kTypeHasExtra, 48, 0x503000);
    item_ = dump.Type("torch.Tensor", 0, 72, 0x504000);
    tuple_ = dump.Type("tuple", wire::kTypeHasExtra, 56, 0x505000);
    dump.Object(module, kModule, 1, {kGlobals}, attributes);
    Str(kName, name);
    dump.Object(dict_, kGlobals, 1, {kName, kContainer}, pairs_);
    dump.Root(DumpRoot::kModule, RootCounts::kNone, "app", {kModule});
  }
  void Str(std::uint64_t address, std::string_view text) {
    dump.Object(str_, address, 1, {}, std::nullopt, text.size());
    dump.Key(address, text);
  }
  static std::uint64_t Item(std::uint64_t i) { return kFirstItem + i * 64; }
  // The container, a dict with texts as keys.
  void Dict(std::uint64_t count) {
    std::vector<std::uint64_t> entries;
    for (std::uint64_t i = 0; i < count; ++i) {
      Str(kFirstKey + i * 64, "k" + std::to_string(i));
      entries.push_back(kFirstKey + i * 64);
      entries.push_back(Item(i));
    }
    dump.Object(dict_, kContainer, 1, entries, pairs_, 9000);
  }
  void List(std::uint64_t count, std::uint64_t bytes = 9000) {
    std::vector<std::uint64_t> items;
    for (std::uint64_t i = 0; i < count; ++i) items.push_back(Item(i));
    dump.Object(list_, kContainer, 1, items, indexed_, bytes);
  }
  void Tensor(std::uint64_t i, std::uint64_t body) { dump.Object(item_, Item(i), 1, {body}); }
  void Tuple(std::uint64_t i) { dump.Object(tuple_, Item(i), 1, {}, indexed_); }

  ObjectGraph Read() {
    dump.End();
    model::FakeDumpSource source(dump.bytes());
    auto graph = ObjectGraph::Load(source);
    EXPECT_TRUE(graph);
    EXPECT_EQ(graph->damage(), "");
    return std::move(*graph);
  }

  FakeDump dump;

 private:
  std::uint32_t pairs_, indexed_, dict_, list_, str_, item_, tuple_;
};

HolderReport Find(const ObjectGraph* before, const ObjectGraph& last, double seconds,
                  const model::WindowView& view, const model::Births* births = nullptr) {
  return FindHolders({before, &last, seconds, model::ProcessId{0}, &view, births});
}

model::WindowView ViewOf(std::size_t blocks) {
  model::WindowView view;
  model::StackGrowth growth;
  growth.stack = growth.first_stack = model::StackId{3};
  for (std::size_t i = 0; i < blocks; ++i) {
    growth.sample.push_back({kFirstBlock + i * 0x1000, 4096, 1.0});
  }
  view.stacks.push_back(growth);
  return view;
}

TEST(FindHoldersTest, TheDictThatAllSurvivorsShareIsTheHolder) {
  App app("CACHE");
  app.Dict(10);
  app.dump.NativeType("N3c1010TensorImplE");
  for (std::uint64_t i = 0; i < 10; ++i) {
    const std::uint64_t impl = 0x900000 + i * 256;
    app.Tensor(i, impl);
    app.dump.Block(impl, 192, 1, {kFirstBlock + i * 0x1000});
    app.dump.Block(kFirstBlock + i * 0x1000, 4096, 0);
  }
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(10));
  ASSERT_EQ(report.stacks.size(), 1u);
  const StackHolder& holder = report.stacks[0];
  EXPECT_EQ(holder.found, 10u);
  EXPECT_EQ(holder.agreeing, 10u);
  ASSERT_TRUE(holder.holder);
  EXPECT_EQ(holder.holder->holder_text, "app.CACHE");
  EXPECT_EQ(holder.holder->holder_type, "dict");
  EXPECT_EQ(holder.holder->holder_length, 10u);
  EXPECT_EQ(holder.holder->held_type, "torch.Tensor");
  EXPECT_EQ(holder.holder->root, "module global");
  EXPECT_EQ(holder.holder->path.front(), "module app");
  EXPECT_TRUE(holder.holder->invisible_to_gc);
  EXPECT_FALSE(holder.holder->through_graph);
}

TEST(FindHoldersTest, AnAutogradGraphBelowTheHolderIsSeen) {
  App app("LOSSES");
  app.List(4);
  app.dump.NativeType("N5torch8autograd9generated12AddmmBackwardE");
  for (std::uint64_t i = 0; i < 4; ++i) {
    const std::uint64_t node = 0x900000 + i * 256;
    app.Tensor(i, node);
    app.dump.Block(node, 192, 1, {kFirstBlock + i * 0x1000});
    app.dump.Block(kFirstBlock + i * 0x1000, 4096, 0);
  }
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(4));
  ASSERT_TRUE(report.stacks.at(0).holder);
  EXPECT_TRUE(report.stacks[0].holder->through_graph);
  EXPECT_EQ(report.stacks[0].holder->holder_text, "app.LOSSES");
  EXPECT_EQ(report.stacks[0].holder->holder_length, 4u);
}

TEST(FindHoldersTest, ABufferThatGrowsInPlaceNamesItsContainer) {
  App app("LOG");
  app.List(0);
  app.dump.Own(kContainer, kFirstBlock);
  const model::Births births(
      {{kFirstBlock, 4096, model::StackId{7}, wire::Allocator::kRealloc, model::ThreadId{0}, 1.0}});
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(1), &births);
  ASSERT_TRUE(report.stacks.at(0).holder);
  EXPECT_EQ(report.stacks[0].holder->holder_text, "app.LOG");
  EXPECT_EQ(report.stacks[0].holder->filled_from, model::StackId{7});
}

// The one block of a row that grows by size, of a list that was smaller in the dump before.
TEST(FindHoldersTest, ABufferThatGrewIsTheHoldersOwn) {
  for (const bool is_larger : {true, false}) {
    App early("LOG");
    early.List(0, is_larger ? 3000 : 9000);
    const ObjectGraph before = early.Read();
    App app("LOG");
    app.List(0);
    app.dump.Own(kContainer, kFirstBlock);
    model::WindowView view = ViewOf(0);
    view.stacks[0].is_resized = true;
    view.stacks[0].grown_by_size = 6000;
    view.stacks[0].largest.push_back({kFirstBlock, 9000, 1.0});
    const HolderReport report = Find(&before, app.Read(), 20, view);
    const StackHolder& holder = report.stacks.at(0);
    EXPECT_TRUE(holder.is_resized);
    EXPECT_EQ(holder.sampled, 1u);
    ASSERT_EQ(holder.holder.has_value(), is_larger);
    if (!is_larger) continue;
    EXPECT_EQ(holder.holder->holder_text, "app.LOG");
    EXPECT_EQ(holder.holder->resized->second - holder.holder->resized->first, 6000u);
  }
}

// Each has a root of its own, with what it was registered with.
TEST(FindHoldersTest, CallbacksOfTheInterpreterAreOneHolder) {
  for (const std::string name : {"atexit callback", "sysdict"}) {
    App app("OTHER");
    app.List(0);
    for (std::uint64_t i = 0; i < 10; ++i) {
      app.Tensor(i, kFirstBlock + i * 0x1000);
      app.dump.Block(kFirstBlock + i * 0x1000, 4096, 0);
      app.dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, name, {App::Item(i)});
    }
    const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(10));
    const StackHolder& holder = report.stacks.at(0);
    ASSERT_EQ(holder.holder.has_value(), name == "atexit callback") << name;
    if (!holder.holder) continue;
    EXPECT_EQ(holder.holder->holder_text, "atexit callback");
    EXPECT_EQ(holder.holder->holder_length, 10u);
    EXPECT_EQ(holder.agreeing, 10u);
    EXPECT_EQ(holder.holder->element_type, "torch.Tensor");
  }
}

TEST(FindHoldersTest, UnreachableSurvivorsHaveNoHolder) {
  App app("CACHE");
  app.Dict(0);
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(5));
  EXPECT_FALSE(report.stacks.at(0).holder);
  EXPECT_EQ(report.stacks[0].found, 0u);
  EXPECT_NE(report.stacks[0].why_not, "");
}

// What only the interpreter holds, or nobody that is known, is no holder to be named.
TEST(FindHoldersTest, OnlyRootsWithANameHold) {
  App app("CACHE");
  app.Dict(0);
  const std::uint64_t body = 0x900000;
  app.Tensor(0, body);
  app.dump.Block(body, 192, 0, {kFirstBlock});
  app.dump.Block(kFirstBlock, 4096, 0);
  app.dump.Root(DumpRoot::kInterpreter, RootCounts::kEach, "atexit", {App::Item(0)});
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(1));
  EXPECT_EQ(report.stacks.at(0).found, 0u);
  EXPECT_FALSE(report.stacks[0].holder);
}

TEST(FindHoldersTest, PooledObjectsAreFoundByTypeBetweenTwoDumps) {
  App before("SEEN");
  before.Dict(0);
  App last("SEEN");
  last.Dict(500);
  for (std::uint64_t i = 0; i < 500; ++i) last.Tuple(i);
  const ObjectGraph first = before.Read();
  const HolderReport report = Find(&first, last.Read(), 20, model::WindowView{});
  ASSERT_FALSE(report.types.empty());
  const auto tuple = std::find_if(report.types.begin(), report.types.end(),
                                  [](const TypeGrowth& t) { return t.type == "tuple"; });
  ASSERT_NE(tuple, report.types.end());
  EXPECT_EQ(tuple->after - tuple->before, 500u);
  EXPECT_EQ(tuple->agreeing, 500u);
  ASSERT_TRUE(tuple->holder);
  EXPECT_EQ(tuple->holder->holder_text, "app.SEEN");
}

// A damaged dump may say anything; nothing of it may overflow.
TEST(FindHoldersTest, SizesThatCannotBeAreNoFault) {
  const auto make = [](std::uint64_t objects) {
    FakeDump dump;
    const std::uint32_t type =
        dump.Type("bytes", wire::kTypeIsLeaf | wire::kTypeHasExtra, 33, 0x500000);
    for (std::uint64_t i = 0; i < objects; ++i) {
      dump.Object(type, 0x10000 + i * 0x40, 1, {}, std::nullopt, std::uint64_t{1} << 62);
    }
    dump.End();
    model::FakeDumpSource source(dump.bytes());
    return std::move(*ObjectGraph::Load(source));
  };
  const ObjectGraph before = make(3);
  EXPECT_TRUE(Find(&before, make(2), 20, model::WindowView{}).types.empty());
}

// A chain of native blocks that leads back to an object is no way to name it by.
TEST(FindHoldersTest, PythonsOwnWayIsPreferredToAWayThroughNativeMemory) {
  App app("CACHE");
  app.Dict(2);
  const std::uint64_t body = 0x900000;
  app.Tensor(0, body);
  app.Tensor(1, body + 256);
  app.dump.Block(body, 192, 0, {App::Item(1), kFirstBlock});
  app.dump.Block(body + 256, 192, 0, {kFirstBlock + 0x1000});
  app.dump.Block(kFirstBlock, 4096, 0);
  app.dump.Block(kFirstBlock + 0x1000, 4096, 0);
  const HolderReport report = Find(nullptr, app.Read(), 0, ViewOf(2));
  ASSERT_TRUE(report.stacks.at(0).holder);
  EXPECT_EQ(report.stacks[0].holder->holder_text, "app.CACHE");
  EXPECT_EQ(report.stacks[0].agreeing, 2u);
}

}  // namespace
}  // namespace memwhy::analysis
