// SPDX-License-Identifier: Apache-2.0
#include "cpython/debug_offsets.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace memwhy::cpython {
namespace {

struct Row {
  int minor;
  std::uint32_t position;
  std::uint32_t Layout::* field;
  std::uint64_t value;
  const char* name;
};
constexpr Row kRows[] = {
#include "cpython/debug_offset_table.inc"
};

// The beginning of a _PyRuntime of CPython 3.`minor`, as its headers describe it.
class Runtime {
 public:
  explicit Runtime(int minor) : minor_(minor) {
    std::memcpy(words_.data(), "xdebugpy", 8);
    words_[1] = version() | 0xf0;
    for (const Row& row : kRows) {
      if (row.minor == minor) words_.at(row.position / 8) = row.value;
    }
  }
  std::uint32_t version() const { return 0x03000100u | static_cast<std::uint32_t>(minor_) << 16; }
  std::uint64_t& Word(const std::string& name) {
    for (const Row& row : kRows) {
      if (row.minor == minor_ && row.name == name) return words_.at(row.position / 8);
    }
    ADD_FAILURE() << "no row " << name;
    return words_[0];
  }
  std::uint64_t& Word(std::size_t i) { return words_[i]; }
  const char* Apply(Layout* layout) const {
    return ApplyDebugOffsets(reinterpret_cast<Address>(words_.data()), version(), layout);
  }

 private:
  int minor_;
  std::array<std::uint64_t, 256> words_{};
};

class DebugOffsetsTest : public testing::TestWithParam<int> {
 protected:
  Runtime runtime_{GetParam()};
  Layout layout_ = *FindLayout(GetParam());
};

TEST_P(DebugOffsetsTest, UsualBuildSaysWhatTheTableSays) {
  ASSERT_EQ(runtime_.Apply(&layout_), nullptr);
  EXPECT_EQ(std::memcmp(&layout_, FindLayout(GetParam()), sizeof(Layout)), 0);
}

TEST_P(DebugOffsetsTest, MovedFieldIsTaken) {
  runtime_.Word("interpreter_frame.owner") = 71;
  runtime_.Word("thread_state.current_frame") = 88;
  ASSERT_EQ(runtime_.Apply(&layout_), nullptr);
  EXPECT_EQ(layout_.frame_owner, 71u);
  EXPECT_EQ(layout_.thread_frame, 88u);
}

TEST_P(DebugOffsetsTest, GenerationsAreUnknownWhereTheCollectorIsAnother) {
  runtime_.Word("interpreter_state.gc") += 16;
  ASSERT_EQ(runtime_.Apply(&layout_), nullptr);
  EXPECT_EQ(layout_.gc_state, FindLayout(GetParam())->gc_state + 16);
  EXPECT_EQ(layout_.gc_generations, FindLayout(GetParam())->gc_generations);
  runtime_.Word("gc.collecting") += 8;
  ASSERT_EQ(runtime_.Apply(&layout_), nullptr);
  EXPECT_EQ(layout_.gc_generations, kAbsent);
}

TEST_P(DebugOffsetsTest, OtherStructuresAreRefused) {
  for (const char* name : {"runtime_state.interpreters_head", "interpreter_frame.size",
                           "code_object.size", "pyobject.size", "unicode_object.state"}) {
    Runtime other(GetParam());
    other.Word(name) += 8;
    EXPECT_NE(other.Apply(&layout_), nullptr) << name;
  }
  runtime_.Word("code_object.name") = ~std::uint64_t{0};
  EXPECT_NE(runtime_.Apply(&layout_), nullptr);
}

TEST_P(DebugOffsetsTest, ForeignMemoryIsRefused) {
  Runtime other(GetParam());
  other.Word(0) ^= 1;
  EXPECT_NE(other.Apply(&layout_), nullptr);
  other = Runtime(GetParam());
  other.Word(1) += 1 << 16;  // the next minor version
  EXPECT_NE(other.Apply(&layout_), nullptr);
  other = Runtime(GetParam());
  other.Word(2) = 1;  // free-threaded
  EXPECT_NE(other.Apply(&layout_), nullptr);
}

INSTANTIATE_TEST_SUITE_P(EachVersion, DebugOffsetsTest, testing::Values(13, 14));

}  // namespace
}  // namespace memwhy::cpython
