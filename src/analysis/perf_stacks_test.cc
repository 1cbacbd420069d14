// SPDX-License-Identifier: Apache-2.0
#include "analysis/perf_stacks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memwhy::analysis {
namespace {

using ::testing::SizeIs;

model::NativeFrame NativeOf(std::string object, std::string function) {
  model::NativeFrame frame;
  frame.object = std::move(object);
  frame.function = std::move(function);
  return frame;
}

const std::string kPerfPython = "/usr/bin/python3.12";
const std::string kPerfFast = "/srv/fast.cpython-312-x86_64-linux-gnu.so";

std::vector<model::NativeFrame> PerfFrames() {
  return {NativeOf("/lib/libopenblas.so.0", "dgemm_"),
          NativeOf(kPerfPython, "PyObject_Call"),
          NativeOf(kPerfFast, "__pyx_pf_4fast_work"),
          NativeOf(kPerfFast, "__pyx_pw_4fast_1work"),
          NativeOf(kPerfPython, "_PyEval_EvalFrameDefault"),
          NativeOf("/tmp/perf-1.map", "py::serve:/srv/a:b.py"),
          NativeOf(kPerfPython, "Py_RunMain"),
          NativeOf("/lib/libc.so.6", "__libc_start_main")};
}

model::PerfProfile ProfileOf(std::vector<model::NativeFrame> frames, std::uint64_t count) {
  model::PerfScript script;
  script.samples = count;
  script.stacks[{"cpu-clock", std::move(frames)}] = count;
  return MergePerfStacks(script);
}

TEST(PerfStacksTest, CythonStandsUnderItsPythonCaller) {
  const model::PerfProfile profile = ProfileOf(PerfFrames(), 7);
  ASSERT_THAT(profile.stacks, SizeIs(1));
  const model::PerfStack& stack = profile.stacks[0];
  EXPECT_EQ(stack.samples, 7u);
  EXPECT_FALSE(stack.is_truncated);
  ASSERT_THAT(stack.frames, SizeIs(4));
  EXPECT_EQ(stack.frames[0].function, "dgemm_");
  EXPECT_EQ(stack.frames[1].language, model::Language::kCython);
  EXPECT_EQ(stack.frames[1].function, "work");
  EXPECT_EQ(stack.frames[2].language, model::Language::kPython);
  EXPECT_EQ(stack.frames[2].function, "serve");
  EXPECT_EQ(stack.frames[2].file, "/srv/a:b.py");
  EXPECT_EQ(profile.without_python, 0u);
}

TEST(PerfStacksTest, WithoutPythonTheInterpreterIsShown) {
  auto frames = PerfFrames();
  frames.erase(frames.begin() + 5);
  const model::PerfProfile profile = ProfileOf(frames, 2);
  EXPECT_EQ(profile.without_python, 2u);
  EXPECT_THAT(profile.stacks[0].frames, SizeIs(6));
}

TEST(PerfStacksTest, AStackThatEndsEarlyIsMarked) {
  auto frames = PerfFrames();
  frames.pop_back();
  const model::PerfProfile profile = ProfileOf(frames, 3);
  EXPECT_TRUE(profile.stacks[0].is_truncated);
  EXPECT_EQ(profile.truncated, 3u);
}

}  // namespace
}  // namespace memwhy::analysis
