// SPDX-License-Identifier: Apache-2.0
#include "cpython/line_table.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace memwhy::cpython {
namespace {

std::vector<std::uint8_t> FromHex(const std::string& hex) {
  std::vector<std::uint8_t> bytes;
  if (hex == "-") return bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// What interpreters say of their own code objects (tests/fixtures/line_tables/generate.py).
class LineTableTest : public ::testing::TestWithParam<int> {};

TEST_P(LineTableTest, EveryInstructionHasTheInterpretersLine) {
  std::ifstream file("tests/fixtures/line_tables/python3." + std::to_string(GetParam()) + ".txt");
  if (!file) GTEST_SKIP() << "no fixture of Python 3." << GetParam();
  const unsigned version = 3u << 8 | static_cast<unsigned>(GetParam());
  std::string line;
  int instructions = 0;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    int first_line = 0;
    std::string hex;
    fields >> first_line >> hex;
    const auto runs = DecodeLineTable(FromHex(hex), first_line, version);
    std::string run;
    while (fields >> run) {
      int begin = 0;
      int end = 0;
      int expected = 0;
      ASSERT_EQ(std::sscanf(run.c_str(), "%d:%d:%d", &begin, &end, &expected), 3) << run;
      for (int at = begin; at < end; ++at) {
        ASSERT_EQ(LineAt(runs, at, first_line), expected) << "instruction " << at << " of " << line;
        ++instructions;
      }
    }
  }
  EXPECT_GT(instructions, 1000);
}

INSTANTIATE_TEST_SUITE_P(Versions, LineTableTest, ::testing::Values(8, 9, 10, 11, 12, 13, 14));

TEST(LineTable, AnInstructionBeforeTheFirstHasTheFirstLine) {
  EXPECT_EQ(LineAt({}, -1, 7), 7);
  EXPECT_EQ(LineAt({}, 0, 7), 0);
}

TEST(LineTable, RandomTablesDoNotCrash) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> table(random() % 40);
    for (std::uint8_t& byte : table) byte = static_cast<std::uint8_t>(random());
    for (const unsigned minor : {8u, 10u, 11u}) {
      const auto runs = DecodeLineTable(table, static_cast<int>(random() % 100), 3u << 8 | minor);
      LineAt(runs, random() % 100, 1);
    }
  }
}

}  // namespace
}  // namespace memwhy::cpython
