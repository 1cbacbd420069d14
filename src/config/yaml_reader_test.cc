// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <gtest/gtest.h>

namespace memwhy::config {
namespace {

std::string ErrorOf(const std::string& text, const std::function<void(const YAML::Node&)>& read) {
  const auto done = ParseYaml("f.yaml", text, read);
  return done ? "no error" : done.error().message();
}

TEST(YamlReaderTest, ErrorsNameLineAndColumn) {
  const auto read = [](const YAML::Node& root) {
    EachKey(root, "the file", "a, b", [](const std::string& key, const YAML::Node& value) {
      if (key == "a") WholeOf(value, "a", 1, 5);
      if (key == "b") SecondsOf(value, "b");
    });
  };
  EXPECT_EQ(ErrorOf("a: 3\nb: 2s\n", read), "no error");
  EXPECT_EQ(ErrorOf("a: 3\nc: 2\n", read), "f.yaml:2:1: the file has no key \"c\"; it knows a, b");
  EXPECT_EQ(ErrorOf("a: 3\na: 4\n", read), "f.yaml:2:1: the key \"a\" stands here twice");
  EXPECT_EQ(ErrorOf("b: 1s\na: 9\n", read), "f.yaml:2:4: a must be a whole number from 1 to 5");
  EXPECT_EQ(ErrorOf("b: -1s", read),
            "f.yaml:1:4: b must be a time (\"90s\", \"10m\"), not \"-1s\"");
  EXPECT_NE(ErrorOf("a: [1", read).find("f.yaml:"), std::string::npos);
}

TEST(YamlReaderTest, PercentageNeedsItsSign) {
  const auto read = [](const YAML::Node& root) { PercentOf(root["p"], "p"); };
  EXPECT_EQ(ErrorOf("p: 85", read), "f.yaml:1:4: p must be a percentage (\"5 %\"), not \"85\"");
  EXPECT_EQ(ErrorOf("p: ''", read), "f.yaml:1:4: p must be a percentage (\"5 %\"), not \"\"");
}

TEST(YamlReaderTest, ValuesAreRead) {
  const auto done =
      ParseYaml("f.yaml", "{s: 10 MiB, p: 85 %, f: true, c: [a, b]}", [](const auto& root) {
        EXPECT_EQ(BytesOf(root["s"], "s"), Bytes{10} << 20);
        EXPECT_EQ(PercentOf(root["p"], "p"), 85);
        EXPECT_TRUE(FlagOf(root["f"], "f"));
        EXPECT_EQ(CommandOf(root["c"]), (std::vector<std::string>{"a", "b"}));
      });
  EXPECT_TRUE(done);
}

TEST(YamlReaderTest, TextWithControlCharactersIsShownEscaped) {
  const std::string error = ErrorOf("\"a\\e[31m\": 1", [](const YAML::Node& root) {
    EachKey(root, "the file", "x", [](const std::string&, const YAML::Node&) {});
  });
  EXPECT_EQ(error.find('\x1b'), std::string::npos) << error;
}

}  // namespace
}  // namespace memwhy::config
