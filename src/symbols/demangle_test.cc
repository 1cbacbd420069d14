// SPDX-License-Identifier: Apache-2.0
#include "symbols/demangle.h"

#include <gtest/gtest.h>

namespace memwhy::symbols {
namespace {

TEST(DemangleTest, NamesOfCppAndRustBecomeReadable) {
  EXPECT_EQ(Demangle("_ZN3app5Cache3putEi"), "app::Cache::put(int)");
  EXPECT_EQ(Demangle("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
}

TEST(DemangleTest, OtherNamesStayAsTheyAre) {
  EXPECT_EQ(Demangle("__pyx_pw_4fast_1put"), "__pyx_pw_4fast_1put");
  EXPECT_EQ(Demangle("_Zbroken"), "_Zbroken");
  EXPECT_EQ(Demangle(""), "");
}

TEST(DemangleTest, NoNameIsLongerThanTheBound) {
  EXPECT_EQ(Demangle(std::string(5000, 'x')).size(), kMaxName);
  EXPECT_EQ(Demangle("_Z" + std::string(5000, '1')).size(), kMaxName);
  // A few bytes that stand for very many.
  std::string nest = "_Z1fISt4pairI";
  for (int i = 0; i < 200; ++i) nest += "St4pairI";
  EXPECT_LE(Demangle(nest).size(), kMaxName);
}

}  // namespace
}  // namespace memwhy::symbols
