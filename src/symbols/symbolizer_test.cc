// SPDX-License-Identifier: Apache-2.0
//
// Against real files: libraries that the compiler at hand makes, changed by binutils.
#include "symbols/symbolizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "symbols/debug_search.h"

namespace memwhy::symbols {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kSource[] = R"(
volatile int sink;
namespace app {
static inline __attribute__((always_inline)) int inner(int x) {
  sink = x;
  return sink * 3;
}
static inline __attribute__((always_inline)) int middle(int x) {
  return inner(x + 1) ^ 5;
}
struct Cache { int put(int x); };
__attribute__((noinline)) int Cache::put(int x) {
  int y = middle(x);
  sink = y;
  return y;
}
}
extern "C" int plain(int x) {
  struct Local { __attribute__((noinline)) static int method(int y) { sink = y; return y; } };
  return Local::method(x) + 1;
}
)";

class SymbolizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / "memwhy-symbols-XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    std::ofstream(folder_ + "/lib.cc") << kSource;
    ASSERT_TRUE(Run("g++ -g -O1 -shared -fPIC -Wl,--build-id -o lib.so lib.cc"));
    module_ = {folder_ + "/lib.so", IdOf("lib.so")};
    addresses_ = AddressesOf("_ZN3app5Cache3putEi");
    ASSERT_FALSE(addresses_.empty());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  bool Run(const std::string& command) const {
    return std::system(("cd " + folder_ + " && " + command).c_str()) == 0;
  }
  std::string IdOf(const std::string& name) const {
    const auto file = OpenRegular(folder_ + "/" + name, "a module");
    return file ? BuildIdOf(file->fd.get()) : "";
  }
  // Every byte of a function, by nm.
  std::vector<std::uint64_t> AddressesOf(const std::string& symbol) const {
    if (!Run("nm -S lib.so | grep ' " + symbol + "$' > nm.txt")) return {};
    std::ifstream in(folder_ + "/nm.txt");
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
    in >> std::hex >> begin >> size;
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 0; i < size; ++i) all.push_back(begin + i);
    return all;
  }
  static std::string Names(const Locations& locations) {
    std::string names;
    for (const Location& one : locations) {
      names += one.function + ":" + std::to_string(one.line) + (one.is_inlined ? "i " : " ");
    }
    return names;
  }
  Symbolizer Make() const {
    return Symbolizer({.debug_folders = {folder_ + "/debug"}, .cache_folder = folder_ + "/cache"});
  }
  // Whether inlined calls with their lines are known.
  ::testing::AssertionResult KnowsInlines(Symbolizer& symbolizer) const {
    for (const Locations& one : symbolizer.Resolve(module_, addresses_)) {
      if (Names(one) == "inner:5i middle:9i app::Cache::put(int):13 ") {
        return one[0].file == "lib.cc" || one[0].file == folder_ + "/lib.cc"
                   ? ::testing::AssertionSuccess()
                   : ::testing::AssertionFailure() << one[0].file;
      }
    }
    return ::testing::AssertionFailure() << "no address has the three calls";
  }

  std::string folder_;
  Module module_;
  std::vector<std::uint64_t> addresses_;
};

TEST_F(SymbolizerTest, InlinedCallsHaveTheirLines) {
  Symbolizer symbolizer = Make();
  EXPECT_TRUE(KnowsInlines(symbolizer));
  EXPECT_THAT(symbolizer.problems(), IsEmpty());
}

TEST_F(SymbolizerTest, EveryAddressAgreesWithAddr2line) {
  std::vector<std::uint64_t> all = addresses_;
  for (const char* name : {"plain", "_ZZ5plainE.*method.*"}) {
    for (const std::uint64_t address : AddressesOf(name)) all.push_back(address);
  }
  ASSERT_GT(all.size(), addresses_.size());
  {
    std::ofstream out(folder_ + "/all.txt");
    for (const std::uint64_t address : all) out << std::hex << address << "\n";
  }
  ASSERT_TRUE(Run("addr2line -afiC -e lib.so < all.txt > expected.txt"));
  Symbolizer symbolizer = Make();
  const auto found = symbolizer.Resolve(module_, all);
  std::ifstream in(folder_ + "/expected.txt");
  std::string line;
  std::getline(in, line);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::stoull(line, nullptr, 16), all[i]);
    std::size_t count = 0;
    while (std::getline(in, line) && line.rfind("0x", 0) != 0) {
      ASSERT_LT(count, found[i].size()) << std::hex << all[i] << line;
      const Location& one = found[i][count++];
      // Of inlined calls it may give the function around them (binutils 2.40).
      if (!one.is_inlined) {
        EXPECT_EQ(one.function, line);
      }
      std::getline(in, line);
      const std::string end = ":" + std::to_string(one.line);
      EXPECT_THAT(line.substr(0, line.find(" (")), ::testing::EndsWith(end));
    }
    EXPECT_EQ(count, found[i].size());
  }
}

TEST_F(SymbolizerTest, AMethodOfALocalClassHasItsName) {
  const auto method = AddressesOf("_ZZ5plainE.*method.*");
  ASSERT_FALSE(method.empty());
  Symbolizer symbolizer = Make();
  const auto found = symbolizer.Resolve(module_, method);
  EXPECT_THAT(Names(found[0]), HasSubstr("plain::Local::method(int):19"));
}

TEST_F(SymbolizerTest, AFileWithoutDebugDataHasNames) {
  ASSERT_TRUE(Run("strip --strip-debug lib.so"));
  Symbolizer symbolizer = Make();
  EXPECT_EQ(Names(symbolizer.Resolve(module_, addresses_)[0]), "app::Cache::put(int):0 ");
  ASSERT_TRUE(Run("strip lib.so"));
  Symbolizer exported = Make();  // .dynsym is left, and the cache is stale
  EXPECT_EQ(Names(exported.Resolve(module_, addresses_)[0]), "app::Cache::put(int):0 ");
}

TEST_F(SymbolizerTest, ADebugFileIsFoundByBuildId) {
  const std::string place = "debug/.build-id/" + module_.build_id.substr(0, 2);
  ASSERT_TRUE(Run("mkdir -p " + place + " && objcopy --only-keep-debug lib.so " + place + "/" +
                  module_.build_id.substr(2) + ".debug && strip lib.so"));
  Symbolizer symbolizer = Make();
  EXPECT_TRUE(KnowsInlines(symbolizer));
}

TEST_F(SymbolizerTest, ADebugFileIsFoundByLinkIfItsChecksumFits) {
  ASSERT_TRUE(
      Run("g++ -g -O1 -shared -fPIC -Wl,--build-id=none -o lib.so lib.cc && mkdir .debug && "
          "objcopy --only-keep-debug lib.so .debug/lib.dbg && strip lib.so && "
          "objcopy --add-gnu-debuglink=.debug/lib.dbg lib.so"));
  module_.build_id = "";
  Symbolizer symbolizer = Make();
  EXPECT_TRUE(KnowsInlines(symbolizer));
  ASSERT_TRUE(Run("printf x >> .debug/lib.dbg"));
  Symbolizer changed = Make();
  EXPECT_EQ(Names(changed.Resolve(module_, addresses_)[0]), "app::Cache::put(int):0 ");
}

TEST_F(SymbolizerTest, MiniDebugInfoNamesFunctionsThatAreNotExported) {
  ASSERT_TRUE(
      Run("nm lib.so | grep ' t ' > /dev/null || true; "
          "g++ -O1 -shared -fPIC -fvisibility=hidden -Wl,--build-id -o lib.so lib.cc"));
  addresses_ = AddressesOf("_ZN3app5Cache3putEi");
  ASSERT_FALSE(addresses_.empty());
  if (!Run("which xz > /dev/null")) GTEST_SKIP() << "xz is not installed";
  ASSERT_TRUE(
      Run("objcopy --only-keep-debug lib.so mini && xz mini && strip lib.so && "
          "objcopy --add-section .gnu_debugdata=mini.xz lib.so"));
  module_.build_id = IdOf("lib.so");
  Symbolizer symbolizer = Make();
  EXPECT_EQ(Names(symbolizer.Resolve(module_, addresses_)[0]), "app::Cache::put(int):0 ");
}

TEST_F(SymbolizerTest, AFileThatWasReplacedIsNotAsked) {
  const Module before = module_;
  ASSERT_TRUE(Run("g++ -g -O1 -DX -shared -fPIC -Wl,--build-id=0x1234 -o lib.so lib.cc"));
  Symbolizer symbolizer = Make();
  EXPECT_THAT(symbolizer.Resolve(before, addresses_)[0], IsEmpty());
  EXPECT_THAT(symbolizer.problems(), ElementsAre(HasSubstr("has been replaced")));
}

TEST_F(SymbolizerTest, WhatIsKnownOutlivesTheFile) {
  Symbolizer first = Make();
  ASSERT_TRUE(KnowsInlines(first));
  std::filesystem::create_directories(folder_ + "/packed");
  ASSERT_TRUE(first.Pack(module_, folder_ + "/packed"));
  std::filesystem::remove(folder_ + "/lib.so");
  Symbolizer from_cache = Make();
  EXPECT_TRUE(KnowsInlines(from_cache));
  Symbolizer elsewhere({.packed_folder = folder_ + "/packed"});
  EXPECT_TRUE(KnowsInlines(elsewhere));
}

TEST_F(SymbolizerTest, OutsideOfAllFunctionsNothingIsNamed) {
  Symbolizer symbolizer = Make();
  EXPECT_THAT(symbolizer.Resolve(module_, std::vector<std::uint64_t>{0, ~0ull}),
              ElementsAre(IsEmpty(), IsEmpty()));
}

TEST_F(SymbolizerTest, ADamagedModuleCostsItsOwnFramesOnly) {
  std::ofstream(folder_ + "/cut.so") << "\x7f"
                                        "ELF and no more";
  Symbolizer symbolizer = Make();
  EXPECT_THAT(symbolizer.Resolve({folder_ + "/cut.so", ""}, addresses_)[0], IsEmpty());
  EXPECT_THAT(symbolizer.Resolve({folder_ + "/cut.so", ""}, addresses_)[0], IsEmpty());
  EXPECT_THAT(symbolizer.problems(), SizeIs(1));
  EXPECT_TRUE(KnowsInlines(symbolizer));
}

TEST_F(SymbolizerTest, DamageAtAnyPlaceEndsNothing) {
  std::ifstream in(folder_ + "/lib.so", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  std::uint32_t random = 7;
  for (int round = 0; round < 150; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 20; ++i) {
      random = random * 1664525 + 1013904223;
      damaged[random % damaged.size()] = static_cast<char>(random >> 24);
    }
    if (round % 5 == 0) damaged.resize(random % damaged.size());
    std::ofstream(folder_ + "/damaged.so", std::ios::binary) << damaged;
    Symbolizer symbolizer({.debug_folders = {}});
    EXPECT_THAT(symbolizer.Resolve({folder_ + "/damaged.so", ""}, addresses_),
                SizeIs(addresses_.size()));
  }
}

TEST(IsolatedTest, ADeathInTheChildIsAnError) {
  const auto crash = [](void*) -> Result<std::vector<std::uint8_t>> { std::abort(); };
  EXPECT_THAT(RunIsolated({}, crash, nullptr).error().message(), HasSubstr("Abort"));
  const auto forever = [](void*) -> Result<std::vector<std::uint8_t>> {
    for (volatile bool goes_on = true; goes_on;) {
    }
    return Error::Of("it ended");
  };
  EXPECT_THAT(RunIsolated({.cpu_seconds = 1}, forever, nullptr).error().message(),
              HasSubstr("processor time"));
}

}  // namespace
}  // namespace memwhy::symbols
