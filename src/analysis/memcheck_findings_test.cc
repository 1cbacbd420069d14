// SPDX-License-Identifier: Apache-2.0
#include "analysis/memcheck_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analysis/memcheck_stack.h"

namespace memwhy::analysis {
namespace {

using ::testing::ElementsAre;

constexpr char kPython[] = "/usr/bin/python3.11";
constexpr char kExtension[] = "/srv/fast.cpython-311-x86_64-linux-gnu.so";
constexpr char kTool[] = "/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so";

model::NativeFrame Native(const char* object, const char* function, const char* file = "",
                          int line = 0) {
  return {.address = 1,
          .object = object,
          .function = function,
          .directory = "",
          .file = file,
          .line = line};
}

model::NativeFrame Stub(std::uint64_t address) {
  model::NativeFrame frame;
  frame.address = address + 16;
  return frame;
}

// main (line 20) calls serve (line 7) calls work.
model::PythonStubs Stubs() {
  model::PythonStubs stubs;
  stubs.version = "3.11.2";
  stubs.executable = kPython;
  stubs.codes[1] = {.function = "<module>", .file = "app.py", .first_line = 1};
  stubs.codes[2] = {.function = "serve", .file = "app.py", .first_line = 5};
  stubs.codes[3] = {.function = "work", .file = "app.py", .first_line = 2};
  stubs.stubs[0x1000] = {.bytes = 32, .code = 1, .caller = 0, .line = 0};
  stubs.stubs[0x1020] = {.bytes = 32, .code = 2, .caller = 1, .line = 20};
  stubs.stubs[0x1040] = {.bytes = 32, .code = 3, .caller = 2, .line = 7};
  return stubs;
}

std::vector<std::string> Names(const MergedStack& stack) {
  std::vector<std::string> names;
  for (const MergedFrame& one : stack.frames) {
    names.push_back(one.frame.function + ":" + std::to_string(one.frame.line));
  }
  return names;
}

std::vector<model::NativeFrame> LostStack() {
  return {Native(kTool, "malloc"),
          Native(kExtension, "grab", "fast.c", 5),
          Native(kPython, "cfunction_call"),
          Native(kPython, "_PyEval_EvalFrameDefault"),
          Stub(0x1040),
          Native(kPython, "_PyEval_EvalFrameDefault"),
          Stub(0x1020),
          Stub(0x1000),
          Native(kPython, "Py_RunMain"),
          Native("/lib/libc.so.6", "(below main)")};
}

MemcheckProcess Process(std::vector<model::MemcheckError> errors) {
  MemcheckProcess process;
  process.run.pid = 7;
  process.run.is_finished = true;
  process.run.errors = std::move(errors);
  process.stubs = Stubs();
  return process;
}

model::MemcheckError Lost(std::vector<model::NativeFrame> stack, Bytes bytes,
                          std::uint64_t blocks) {
  model::MemcheckError error;
  error.kind = "Leak_DefinitelyLost";
  error.leaked_bytes = bytes;
  error.leaked_blocks = blocks;
  error.stacks.push_back({.says = "", .frames = std::move(stack)});
  return error;
}

TEST(MemcheckStackTest, PythonFramesHaveTheLineOfTheirCallee) {
  const MergedStack stack = MergeMemcheckStack(LostStack(), Stubs());
  EXPECT_THAT(Names(stack), ElementsAre("grab:5", "work:0", "serve:7", "<module>:20"));
  EXPECT_TRUE(stack.is_exact);
  EXPECT_EQ(stack.allocator, "malloc");
}

TEST(MemcheckStackTest, ACallerWithoutAFrameIsInsertedAndMarked) {
  std::vector<model::NativeFrame> frames = LostStack();
  frames.erase(frames.begin() + 6);  // serve
  const MergedStack stack = MergeMemcheckStack(frames, Stubs());
  EXPECT_THAT(Names(stack), ElementsAre("grab:5", "work:0", "serve:7", "<module>:0"));
  EXPECT_FALSE(stack.is_exact);
}

TEST(MemcheckStackTest, ACutStackNamesOneCallerMore) {
  std::vector<model::NativeFrame> frames = LostStack();
  frames.resize(5);
  const MergedStack stack = MergeMemcheckStack(frames, Stubs());
  EXPECT_THAT(Names(stack), ElementsAre("grab:5", "work:0", "serve:7"));
  EXPECT_FALSE(stack.is_exact);
}

TEST(MemcheckStackTest, TheApiFunctionOfAnExtensionStays) {
  std::vector<model::NativeFrame> frames = LostStack();
  frames.insert(frames.begin() + 1,
                {Native(kPython, "PyObject_Malloc"), Native(kPython, "PyBytes_FromStringAndSize")});
  EXPECT_THAT(
      Names(MergeMemcheckStack(frames, Stubs())),
      ElementsAre("PyBytes_FromStringAndSize:0", "grab:5", "work:0", "serve:7", "<module>:20"));
}

TEST(MemcheckStackTest, EntryAndBodyOfACythonFunctionAreOneFrame) {
  const std::vector<model::NativeFrame> frames = {
      Native(kTool, "malloc"), Native(kExtension, "__pyx_pf_4fast_put", "fast.pyx", 12),
      Native(kExtension, "__pyx_pw_4fast_1put", "fast.pyx", 10), Stub(0x1000)};
  const MergedStack stack = MergeMemcheckStack(frames, Stubs());
  EXPECT_THAT(Names(stack), ElementsAre("put:12", "<module>:0"));
  EXPECT_EQ(stack.frames[0].frame.language, model::Language::kCython);
}

TEST(MemcheckFindingsTest, ALostBufferBlamesTheExtension) {
  const MemcheckVerdict verdict = JudgeMemcheck({Process({Lost(LostStack(), 3000, 3)})}, {});
  ASSERT_EQ(verdict.findings.size(), 1u);
  const Finding& finding = verdict.findings[0];
  EXPECT_EQ(finding.kind, Kind::kLeakedBuffer);
  EXPECT_EQ(finding.layer, Layer::kExtension);
  EXPECT_EQ(finding.bytes_at_stake, 3000u);
  EXPECT_EQ(finding.who_allocated->native_function, "grab");
  EXPECT_EQ(finding.who_allocated->callable, "work");
  EXPECT_EQ(verdict.blamed, 1u);
}

TEST(MemcheckFindingsTest, TheBaselineIsSubtracted) {
  const std::vector<MemcheckProcess> baseline = {Process({Lost(LostStack(), 3000, 3)})};
  EXPECT_TRUE(JudgeMemcheck({Process({Lost(LostStack(), 3000, 3)})}, baseline).findings.empty());
  const MemcheckVerdict more = JudgeMemcheck({Process({Lost(LostStack(), 5000, 5)})}, baseline);
  ASSERT_EQ(more.findings.size(), 1u);
  EXPECT_EQ(more.findings[0].bytes_at_stake, 2000u);
}

TEST(MemcheckFindingsTest, WhatTheInterpreterLosesBlamesNobody) {
  const MemcheckVerdict verdict = JudgeMemcheck(
      {Process({Lost({Native(kTool, "malloc"), Native(kPython, "PyUnicode_New"), Stub(0x1000)}, 100,
                     2)})},
      {});
  EXPECT_TRUE(verdict.findings.empty());
  EXPECT_EQ(verdict.blamed, 0u);
}

TEST(MemcheckFindingsTest, WhatAnImportTakesBlamesNobody) {
  MemcheckProcess process = Process({Lost(LostStack(), 3000, 3)});
  process.stubs.codes[3] = {.function = "_call_with_frames_removed",
                            .file = "<frozen importlib._bootstrap>",
                            .first_line = 1};
  const MemcheckVerdict verdict = JudgeMemcheck({process}, {});
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].severity, Severity::kInfo);
  EXPECT_EQ(verdict.blamed, 0u);
}

TEST(MemcheckFindingsTest, OneUninitialisedValueIsOneFinding) {
  model::MemcheckError jump;
  jump.kind = "UninitCondition";
  jump.says = "Conditional jump";
  jump.stacks.push_back({.says = "", .frames = LostStack()});
  jump.stacks[0].frames[0] = Native(kPython, "PyLong_FromLong");
  model::MemcheckError use = jump;
  use.kind = "UninitValue";
  use.says = "Use of a value";
  const MemcheckVerdict verdict = JudgeMemcheck({Process({jump, use})}, {});
  ASSERT_EQ(verdict.findings.size(), 1u);
  EXPECT_EQ(verdict.findings[0].kind, Kind::kInvalidMemoryUse);
  EXPECT_EQ(verdict.findings[0].what.count, 2u);
  EXPECT_EQ(verdict.findings[0].who_allocated->native_function, "grab");
}

TEST(MemcheckFindingsTest, AProcessThatWasNotSeenToItsEndIsNotComplete) {
  MemcheckProcess process = Process({});
  process.run.is_finished = false;
  EXPECT_FALSE(JudgeMemcheck({process}, {}).is_complete);
  process.run.is_finished = true;
  EXPECT_TRUE(JudgeMemcheck({process}, {}).is_complete);
}

}  // namespace
}  // namespace memwhy::analysis
