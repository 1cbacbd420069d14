// SPDX-License-Identifier: Apache-2.0
#include "model/cython_name.h"

#include <gtest/gtest.h>

namespace memwhy::model {
namespace {

constexpr char kFast[] = "fast.cpython-311-x86_64-linux-gnu.so";

TEST(CythonNameTest, NamesOfFunctions) {
  const struct {
    const char* symbol;
    const char* function;
  } cases[] = {
      {"__pyx_pw_4fast_1put", "put"},
      {"__pyx_pf_4fast_put", "put"},
      {"__pyx_pf_4fast_12put.isra.0", "put"},
      {"__pyx_pw_4fast_5Cache_3put", "Cache.put"},
      {"__pyx_pf_4fast_5Cache_2put", "Cache.put"},
      {"__pyx_f_4fast_lookup", "lookup"},
      {"__pyx_f_4fast_5cache_put", "cache.put"},
      {"__pyx_pw_4fast_4leak_it", "leak_it"},
      {"__pyx_fuse_0__pyx_pw_4fast_3put", "put"},
      {"__pyx_pymod_exec_fast", "<module>"},
  };
  for (const auto& one : cases) {
    const auto name = ReadCythonName(one.symbol, kFast);
    ASSERT_TRUE(name) << one.symbol;
    EXPECT_EQ(name->module, "fast") << one.symbol;
    EXPECT_EQ(name->function, one.function) << one.symbol;
  }
}

TEST(CythonNameTest, TheLibraryTellsWhereThePackageEnds) {
  const auto name = ReadCythonName("__pyx_pw_4pack_4fast_1put", kFast);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->module, "pack.fast");
  EXPECT_EQ(name->function, "put");
}

TEST(CythonNameTest, OtherSymbolsAreNone) {
  for (const char* symbol : {"", "malloc", "__Pyx_PyObject_Call", "__pyx_pw_", "__pyx_pw_9fast_1p",
                             "__pyx_pw_0_", "__pyx_fuse_", "__pyx_pw_4fast_", "__pyx_pw_4fast_7"}) {
    EXPECT_FALSE(ReadCythonName(symbol, kFast)) << symbol;
  }
  EXPECT_TRUE(IsCythonHelper("__Pyx_PyObject_Call"));
}

}  // namespace
}  // namespace memwhy::model
