// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/retraced_argument.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "model/heap/fake_dump.h"

namespace memwhy::analysis {
namespace {

using wire::EdgeKind;
using wire::ShapeRest;

constexpr std::uint64_t kTraceCache = 0x7f0000000010;
constexpr std::uint64_t TraceAt(std::uint64_t i) { return 0x7f0000100010 + i * 0x1000; }
constexpr std::uint64_t kSharedPart = 0x7f0000900010;  // what all traces share

// The cache of a function of x and scale: `traces` of pairs (type of x, type of scale), given as
// the object that tells them apart.
std::optional<RetracedArgument> FindIn(
    const std::vector<std::pair<std::uint64_t, std::uint64_t>>& traces, bool scale_is_literal) {
  model::FakeDump dump;
  const auto pairs = dump.Shape(ShapeRest::kPairs, {});
  const auto of_function =
      dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "_function_type"}});
  const auto of_type = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "_parameters"}});
  const auto of_parameter = dump.Shape(ShapeRest::kPlain, {{EdgeKind::kAttribute, "_annotation"}});
  const auto of_kind = dump.Shape(
      ShapeRest::kPlain, {{EdgeKind::kAttribute, "value"}, {EdgeKind::kAttribute, "_value_hash"}});
  const auto dict = dump.Type("collections.OrderedDict", 0, 100, 0x5001000);
  const auto str = dump.Type("str", wire::kTypeIsLeaf, 50, 0x5002000);
  const auto number = dump.Type("float", wire::kTypeIsLeaf, 24, 0x5003000);
  const auto function = dump.Type("x.ConcreteFunction", 0, 100, 0x5004000);
  const auto type = dump.Type("x.FunctionType", 0, 100, 0x5005000);
  const auto parameter = dump.Type("x.Parameter", 0, 100, 0x5006000);
  const auto literal = dump.Type("x.default_types.Literal", 0, 100, 0x5007000);
  const auto spec = dump.Type("x.TensorSpec", 0, 100, 0x5008000);
  const std::uint64_t x_name = kSharedPart + 0x1000;
  const std::uint64_t scale_name = kSharedPart + 0x2000;
  dump.Object(str, x_name, 1);
  dump.Key(x_name, "x");
  dump.Object(str, scale_name, 1);
  dump.Key(scale_name, "scale");
  std::vector<std::uint64_t> entries;
  std::uint64_t next = 0;
  std::vector<std::uint64_t> told;
  for (const auto& [x, scale] : traces) {
    const std::uint64_t at = TraceAt(10 * next++);
    entries.insert(entries.end(), {kSharedPart + 0x3000, at});
    dump.Object(function, at, 1, {at + 0x1000}, of_function);
    dump.Object(type, at + 0x1000, 1, {at + 0x2000}, of_type);
    dump.Object(dict, at + 0x2000, 1, {x_name, at + 0x3000, scale_name, at + 0x4000}, pairs);
    dump.Object(parameter, at + 0x3000, 1, {at + 0x5000}, of_parameter);
    dump.Object(parameter, at + 0x4000, 1, {at + 0x6000}, of_parameter);
    // A hash is a new number each time.
    dump.Object(spec, at + 0x5000, 1, {x, at + 0x7000}, of_kind);
    dump.Object(scale_is_literal ? literal : spec, at + 0x6000, 1, {scale, at + 0x8000}, of_kind);
    dump.Object(number, at + 0x7000, 1);
    dump.Object(number, at + 0x8000, 1);
    told.insert(told.end(), {x, scale});
  }
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  for (const std::uint64_t one : told) dump.Object(number, one, 1);
  dump.Object(str, kSharedPart + 0x3000, 1);
  dump.Object(dict, kTraceCache, 1, entries, pairs);
  dump.End();
  model::FakeDumpSource source(dump.bytes());
  const auto graph = model::ObjectGraph::Load(source);
  EXPECT_TRUE(graph);
  return FindRetracedArgument(*graph, graph->Find(kTraceCache));
}

constexpr std::uint64_t kPartA = 0x7f0000a00010;
constexpr std::uint64_t kPartB = 0x7f0000a01010;
constexpr std::uint64_t kPartC = 0x7f0000a02010;
constexpr std::uint64_t kPartD = 0x7f0000a03010;

TEST(RetracedArgumentTest, ThePythonValueThatDiffers) {
  const auto found = FindIn({{kPartA, kPartB}, {kPartA, kPartC}, {kPartA, kPartD}}, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->names, std::vector<std::string>{"scale"});
  EXPECT_EQ(found->distinct, 3u);
  EXPECT_EQ(found->traces, 3u);
  EXPECT_TRUE(found->is_python_value);
}

TEST(RetracedArgumentTest, TheTensorThatDiffers) {
  const auto found = FindIn({{kPartB, kPartA}, {kPartC, kPartA}, {kPartC, kPartA}}, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->names, std::vector<std::string>{"x"});
  EXPECT_EQ(found->distinct, 2u);
  EXPECT_FALSE(found->is_python_value);
}

TEST(RetracedArgumentTest, OfTwoAlikeThePythonValueOrBoth) {
  const auto literal = FindIn({{kPartA, kPartC}, {kPartB, kPartD}}, true);
  ASSERT_TRUE(literal);
  EXPECT_EQ(literal->names, std::vector<std::string>{"scale"});
  const auto both = FindIn({{kPartA, kPartC}, {kPartB, kPartD}}, false);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->names, (std::vector<std::string>{"scale", "x"}));
}

TEST(RetracedArgumentTest, NothingDiffersOrNoCache) {
  EXPECT_FALSE(FindIn({{kPartA, kPartB}, {kPartA, kPartB}}, true));
  EXPECT_FALSE(FindIn({{kPartA, kPartB}}, true));
}

}  // namespace
}  // namespace memwhy::analysis
