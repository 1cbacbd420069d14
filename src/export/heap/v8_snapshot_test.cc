// SPDX-License-Identifier: Apache-2.0
#include "export/heap/v8_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "export/heap/fake_heap.h"
#include "export/text.h"

namespace memwhy::exports {
namespace {

using testing::Contains;
using testing::UnorderedElementsAre;

// A snapshot as its readers see it: nodes by number, edges as text "type name>name of target".
struct Snapshot {
  struct Node {
    std::string type, name;
    std::uint64_t id, bytes;
    std::vector<std::string> edges;
    std::vector<std::size_t> targets;
  };
  std::vector<Node> nodes;

  explicit Snapshot(const model::ObjectGraph& graph) {
    StringSink sink;
    EXPECT_TRUE(WriteV8Snapshot(graph, sink));
    const auto json = nlohmann::json::parse(sink.text());
    const auto& meta = json["snapshot"]["meta"];
    const auto& strings = json["strings"];
    const auto& values = json["nodes"];
    const std::size_t fields = meta["node_fields"].size();
    EXPECT_EQ(values.size(), json["snapshot"]["node_count"].get<std::size_t>() * fields);
    EXPECT_EQ(json["edges"].size(), json["snapshot"]["edge_count"].get<std::size_t>() * 3);
    std::size_t edge = 0;
    for (std::size_t i = 0; i < values.size(); i += fields) {
      Node node;
      node.type = meta["node_types"][0][values[i].get<std::size_t>()];
      node.name = strings[values[i + 1].get<std::size_t>()];
      node.id = values[i + 2];
      node.bytes = values[i + 3];
      const std::size_t end = edge + values[i + 4].get<std::size_t>() * 3;
      for (; edge < end; edge += 3) {
        const std::string type = meta["edge_types"][0][json["edges"][edge].get<std::size_t>()];
        const auto number = json["edges"][edge + 1].get<std::size_t>();
        const auto target = json["edges"][edge + 2].get<std::size_t>();
        EXPECT_EQ(target % fields, 0u);
        const bool is_number = type == "element" || type == "hidden";
        const std::string name =
            is_number ? std::to_string(number) : strings.at(number).get<std::string>();
        const std::string target_name = strings.at(values.at(target + 1).get<std::size_t>());
        node.edges.push_back(type + " " + name + ">" + target_name);
        node.targets.push_back(target / fields);
      }
      nodes.push_back(std::move(node));
    }
    EXPECT_EQ(edge, json["edges"].size());
  }

  const Node& Find(std::string_view name) const {
    for (const Node& node : nodes) {
      if (node.name == name && node.type != "synthetic") return node;
    }
    ADD_FAILURE() << "no " << name;
    return nodes[0];
  }
};

Snapshot SmallSnapshot() {
  SmallHeap heap;
  auto graph = heap.dump.Load();
  EXPECT_TRUE(graph);
  EXPECT_EQ(graph->damage(), "");
  return Snapshot(*graph);
}

TEST(V8SnapshotTest, EdgesAreNamedAsTheirKindIs) {
  const Snapshot snapshot = SmallSnapshot();
  EXPECT_THAT(snapshot.Find("module").edges, UnorderedElementsAre("internal __dict__>dict"));
  EXPECT_THAT(snapshot.Find("dict").edges,
              UnorderedElementsAre("internal key>str", "property store>app.Store",
                                   "internal key>int", "property -5>list"));
  EXPECT_THAT(snapshot.Find("app.Store").edges,
              UnorderedElementsAre("property items>list", "property name>str", "weak weak>list"));
  EXPECT_THAT(snapshot.Find("list").edges,
              UnorderedElementsAre("element 0>str", "element 2>app.Store", "element 3>app.Store"));
  EXPECT_THAT(snapshot.Find("frame").edges,
              UnorderedElementsAre("context self>app.Store", "context closed>cell"));
  EXPECT_THAT(snapshot.Find("numpy.ndarray").edges, UnorderedElementsAre("internal native>buffer"));
  EXPECT_THAT(snapshot.Find("set").edges,
              UnorderedElementsAre("hidden 0>str", "hidden 1>int", "weak weak>app.Store"));
}

TEST(V8SnapshotTest, SizesAreShallowAndEndAt32Bits) {
  const Snapshot snapshot = SmallSnapshot();
  EXPECT_EQ(snapshot.Find("dict").bytes, 64u + 168);
  EXPECT_EQ(snapshot.Find("app.Store").bytes, 48u);
  EXPECT_EQ(snapshot.Find("buffer").bytes, 0xffffffffu);
  EXPECT_EQ(snapshot.Find("buffer").type, "native");
}

TEST(V8SnapshotTest, RootsHangOnTheirKinds) {
  const Snapshot snapshot = SmallSnapshot();
  const auto& root = snapshot.nodes[0];
  EXPECT_EQ(root.type, "synthetic");
  std::map<std::string, std::vector<std::string>> kinds;
  for (const std::size_t kind : root.targets) {
    for (const std::size_t named : snapshot.nodes[kind].targets) {
      const auto& node = snapshot.nodes[named];
      EXPECT_EQ(node.type, "synthetic");
      kinds[snapshot.nodes[kind].name].push_back(node.name + ": " +
                                                 (node.edges.empty() ? "" : node.edges[0]));
    }
  }
  EXPECT_THAT(kinds["(frame local)"],
              UnorderedElementsAre("handler: hidden 0>frame", "handler: hidden 0>list"));
  EXPECT_THAT(kinds["(thread state)"], UnorderedElementsAre("MainThread: hidden 0>cell"));
  EXPECT_THAT(kinds["(module global)"], Contains("app: hidden 0>module"));
  EXPECT_EQ(kinds["(module global)"].size(), 1 + std::size(kHostileNames));
  EXPECT_THAT(kinds["(c global)"],
              UnorderedElementsAre("libapp.so:cache+8: hidden 0>numpy.ndarray"));
}

TEST(V8SnapshotTest, NamesOfAnyBytesStayNames) {
  const Snapshot snapshot = SmallSnapshot();
  std::vector<std::string> attributes;
  for (const auto name : kHostileNames) {
    attributes.push_back("property " + ValidUtf8(name) + ">types.HostileDict");
  }
  for (const auto name : kHostileNames) {
    EXPECT_THAT(snapshot.Find(ValidUtf8(name)).edges,
                testing::UnorderedElementsAreArray(attributes));
    EXPECT_THAT(snapshot.Find("types.HostileDict").edges,
                Contains("property " + ValidUtf8(name) + ">" + ValidUtf8(name)));
  }
}

TEST(V8SnapshotTest, IdsAreOddAndDifferent) {
  std::set<std::uint64_t> ids;
  for (const auto& node : SmallSnapshot().nodes) {
    EXPECT_EQ(node.id % 2, 1u);
    EXPECT_TRUE(ids.insert(node.id).second);
  }
}

TEST(V8SnapshotTest, OfNothingHasARoot) {
  FakeHeap dump;
  auto graph = dump.Load();
  ASSERT_TRUE(graph);
  const Snapshot snapshot(*graph);
  EXPECT_EQ(snapshot.nodes[0].type, "synthetic");
}

TEST(V8SnapshotTest, EveryEdgeOfARandomHeapIsThere) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    FakeHeap dump = RandomHeap(seed, 200);
    auto graph = dump.Load();
    ASSERT_TRUE(graph);
    const Snapshot snapshot(*graph);
    const std::size_t first = snapshot.nodes.size() - (graph->first_root() - graph->kFirst);
    for (std::uint32_t node = graph->kFirst; node < graph->first_root(); ++node) {
      std::vector<std::size_t> expected;
      for (const std::uint32_t target : graph->Targets(node)) {
        if (target != graph->kNothing) expected.push_back(first + target - graph->kFirst);
      }
      const auto& written = snapshot.nodes[first + node - graph->kFirst];
      ASSERT_EQ(written.targets, expected) << "seed " << seed << ", node " << node;
      ASSERT_EQ(written.bytes, graph->bytes(node));
      ASSERT_EQ(written.name, graph->TypeName(node));
    }
  }
}

}  // namespace
}  // namespace memwhy::exports
