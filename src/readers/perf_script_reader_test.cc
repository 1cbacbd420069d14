// SPDX-License-Identifier: Apache-2.0
#include "readers/perf_script_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memwhy::readers {
namespace {

using ::testing::SizeIs;

model::PerfScript ReadPerf(std::string_view text, std::size_t step = 1 << 20) {
  PerfScriptReader reader;
  for (std::size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  return reader.Finish();
}

constexpr char kPerfText[] =
    "# a comment\n"
    "python3.14  4319 18107.390554:   10101010 cpu-clock:ppp: \n"
    "\tffffffff821f5127 exc_page_fault+0xd7 ([kernel.kallsyms])\n"
    "\t          188c92 [unknown] (/usr/bin/python3.14)\n"
    "\t    7f56c34b62c9 py::run:<frozen importlib._bootstrap>+0x9 (/tmp/perf-4319.map)\n"
    "\n"
    "Web Content 7/8 [002] 12.5: syscalls:sys_enter_brk: \n"
    "\t    7f5 std::f(int (*)(int))+0x1 (/l/a b.so (deleted))\n"
    "\n"
    "swapper 0 [000] 13.0: PERF_RECORD_LOST lost 12\n"
    "python3 9 14.0: 1 page-faults: 7f1 main+0x4 (/usr/bin/x)\n";

TEST(PerfScriptReaderTest, SamplesHaveEventAndFrames) {
  const model::PerfScript script = ReadPerf(kPerfText);
  EXPECT_EQ(script.samples, 3u);
  EXPECT_EQ(script.lost, 12u);
  EXPECT_EQ(script.unparsed, 0u);
  ASSERT_THAT(script.stacks, SizeIs(3));
  auto at = script.stacks.begin();
  EXPECT_EQ(at->first.first, "cpu-clock");
  ASSERT_THAT(at->first.second, SizeIs(3));
  EXPECT_EQ(at->first.second[1].function, "");
  EXPECT_EQ(at->first.second[2].function, "py::run:<frozen importlib._bootstrap>");
  ++at;
  EXPECT_EQ(at->first.first, "page-faults");
  ASSERT_THAT(at->first.second, SizeIs(1));
  EXPECT_EQ(at->first.second[0].function, "main");
  ++at;
  EXPECT_EQ(at->first.first, "syscalls:sys_enter_brk");
  ASSERT_THAT(at->first.second, SizeIs(1));
  EXPECT_EQ(at->first.second[0].function, "std::f(int (*)(int))");
  EXPECT_EQ(at->first.second[0].object, "/l/a b.so");
}

TEST(PerfScriptReaderTest, PiecesOfAnySizeGiveTheSame) {
  for (const std::size_t step : {1, 2, 7, 64})
    EXPECT_EQ(ReadPerf(kPerfText, step).stacks, ReadPerf(kPerfText).stacks);
}

TEST(PerfScriptReaderTest, OtherTextIsCountedAndNeverASample) {
  const model::PerfScript script =
      ReadPerf("hello\n\tworld ()\n12.5: x:\n" + std::string(100'000, 'x'));
  EXPECT_EQ(script.samples, 0u);
  EXPECT_EQ(script.unparsed, 4u);
}

TEST(PerfScriptReaderTest, ACutTextKeepsWhatIsWhole) {
  const std::string_view text = kPerfText;
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_LE(ReadPerf(text.substr(0, size)).samples, 3u);
  }
}

}  // namespace
}  // namespace memwhy::readers
