// SPDX-License-Identifier: Apache-2.0
#include "probes/tensorflow/loads_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::probes {
namespace {

const std::string kWhole = R"({"exit_status": 0, "tensorflow": "2.21.0",
  "keras": {"keras": "3.15.1"}, "failed": 1, "error": null,
  "loads": [{"loader": "tf.saved_model.load", "before": [1, 2, 3, 4, 5, 6],
             "after": [11, 22, 33, 44, -1, 66]}],
  "end": [10, 20, 30, 40, 50, 60],
  "cleanups": [{"what": "del", "after": [1, 2, 3, 4, 5, 6]}, {"what": "clear_session", "after": null}],
  "looks": [{"when": "end", "survivors": {"graph": [4096, 8192]}, "trouble": null}]})";

std::string Without(const std::string& part, const std::string& by) {
  std::string text = kWhole;
  text.replace(text.find(part), part.size(), by);
  return text;
}

TEST(LoadsReaderTest, WholeDocument) {
  const auto loads = ReadTfLoads(kWhole);
  ASSERT_TRUE(loads) << loads.error().message();
  EXPECT_EQ(loads->tensorflow, "2.21.0");
  EXPECT_EQ(loads->keras.at(0).second, "3.15.1");
  EXPECT_EQ(loads->failed, 1u);
  EXPECT_EQ(loads->error, "");
  ASSERT_EQ(loads->loads.size(), 1u);
  EXPECT_EQ(loads->loads[0].before.malloc, 5);
  EXPECT_EQ(loads->loads[0].after.malloc, std::nullopt);
  EXPECT_EQ(loads->end.rss, 60);
  ASSERT_EQ(loads->cleanups.size(), 2u);
  EXPECT_FALSE(loads->cleanups[1].after);
  ASSERT_EQ(loads->looks.size(), 1u);
  EXPECT_EQ(loads->looks[0].survivors.at(0).second.at(1), 8192u);
}

TEST(LoadsReaderTest, WhatIsWrongIsNamed) {
  const std::string cases[][3] = {
      {"\"exit_status\": 0", "\"exit_status\": \"0\"", "exit_status"},
      {"\"failed\": 1", "\"failed\": -1", "failed"},
      {"[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5]", "before"},
      {"[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, 6.5]", "before"},
      {"[4096, 8192]", "[4096, -1]", "survivors"},
      {"[4096, 8192]", "4096", "survivors"},
      {"\"loads\": [", "\"loads\": [7, ", "loader"},
      {"\"keras\": {\"keras\": \"3.15.1\"}", "\"keras\": []", "keras"},
      {"\"end\": [10, 20, 30, 40, 50, 60],", "", "end"},
  };
  for (const auto& one : cases) {
    const auto loads = ReadTfLoads(Without(one[0], one[1]));
    ASSERT_FALSE(loads) << one[1];
    EXPECT_NE(loads.error().message().find("\"" + one[2] + "\""), std::string::npos)
        << loads.error().message();
  }
  EXPECT_FALSE(ReadTfLoads(""));
  EXPECT_FALSE(ReadTfLoads("[]"));
}

TEST(LoadsReaderTest, CutAnywhereIsAnErrorAndNoCrash) {
  for (std::size_t length = 0; length < kWhole.size(); ++length) {
    EXPECT_FALSE(ReadTfLoads(std::string_view(kWhole).substr(0, length)));
  }
}

TEST(TfLoadsTest, DifferencesOfHostileNumbersAreDefined) {
  model::TfCounts small;
  small.functions = INT64_MIN;
  model::TfCounts large;
  large.functions = INT64_MAX;
  large.malloc = 5;
  const model::TfCounts out = Difference(small, large);
  EXPECT_EQ(out.functions, -1);
  EXPECT_FALSE(out.malloc);
}

}  // namespace
}  // namespace memwhy::probes
