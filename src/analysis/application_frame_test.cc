// SPDX-License-Identifier: Apache-2.0
#include "analysis/application_frame.h"

#include <gtest/gtest.h>

namespace memwhy::analysis {
namespace {

using model::Frame;
using model::Language;

Frame Native(const char* function, const char* library) {
  return {.function = function,
          .module = library,
          .file = std::string("/srv/") + library,
          .language = Language::kC};
}

class ApplicationFrameTest : public testing::Test {
 protected:
  model::StackId Stack(const std::vector<Frame>& root_first) {
    model::StackId at = model::kNoPython;
    for (const Frame& frame : root_first) at = stacks_.InternStack(at, stacks_.InternFrame(frame));
    return at;
  }
  model::StackTree stacks_;
  const Frame python_{.function = "load", .module = "app", .file = "/srv/app.py", .line = 7};
};

TEST_F(ApplicationFrameTest, NamesTheFunctionBelowThePythonLine) {
  const auto who = DescribeAllocation(
      stacks_, Stack({Native("main", "server"), python_, Native("parse", "libfast.so"),
                      Native("grow", "libfast.so"), Native("strdup", "libc.so.6")}));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->callable, "app.load");
  EXPECT_EQ(who->line, 7);
  EXPECT_EQ(who->native_function, "grow");
  EXPECT_EQ(who->native_library, "libfast.so");
}

TEST_F(ApplicationFrameTest, NamesNoFunctionThatCalledPython) {
  const auto who = DescribeAllocation(stacks_, Stack({Native("parse", "libfast.so"), python_}));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->native_function, "");
  EXPECT_EQ(who->native_library, "");
}

TEST_F(ApplicationFrameTest, NamesNoLibraryThatOnlyServes) {
  const auto who = DescribeAllocation(stacks_, Stack({python_, Native("strdup", "libc.so.6")}));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->native_function, "");
}

TEST_F(ApplicationFrameTest, APythonLineOfAPackageIsBeforeItsCFunction) {
  const Frame package{.function = "read",
                      .module = "fast",
                      .file = "/usr/lib/python3/dist-packages/fast.py",
                      .line = 3};
  const auto who = DescribeAllocation(stacks_, Stack({package, Native("grow", "libfast.so")}));
  ASSERT_TRUE(who);
  EXPECT_EQ(who->callable, "fast.read");
  EXPECT_EQ(who->native_function, "grow");
}

}  // namespace
}  // namespace memwhy::analysis
