// SPDX-License-Identifier: Apache-2.0
#include "program/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace memwhy::program {
namespace {

// A sanitizer brings a malloc of its own into this very program.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kHasOwnMalloc = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kHasOwnMalloc = true;
#else
constexpr bool kHasOwnMalloc = false;
#endif
#else
constexpr bool kHasOwnMalloc = false;
#endif

class ProgramFileTest : public ::testing::Test {
 protected:
  ProgramFileTest() {
    char folder[] = "/tmp/program_file_test.XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~ProgramFileTest() override {
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }

  std::string path() const { return folder_ + "/file"; }
  ProgramFile LookAt(const std::string& content) const {
    std::ofstream(path(), std::ios::binary) << content;
    return LookAtProgram(AT_FDCWD, path().c_str());
  }
  static std::string Self() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
};

TEST_F(ProgramFileTest, ThisTestIsAProgramOfThisMachine) {
  const ProgramFile self = LookAtProgram(AT_FDCWD, "/proc/self/exe");
  EXPECT_EQ(self.loader, Loader::kGlibc);
  EXPECT_TRUE(self.is_our_machine);
  EXPECT_FALSE(self.is_cpython);
  EXPECT_EQ(self.defines_malloc, kHasOwnMalloc);
  EXPECT_FALSE(self.gains_rights);
}

TEST_F(ProgramFileTest, AScriptIsItsInterpreter) {
  for (const char* first :
       {"#!/proc/self/exe\n", "#! /proc/self/exe -x\nmore", "#!/proc/self/exe"}) {
    const ProgramFile script = LookAt(first);
    EXPECT_EQ(script.loader, Loader::kGlibc) << first;
    EXPECT_TRUE(script.is_our_machine) << first;
  }
  EXPECT_EQ(LookAt("#!" + path() + "\n").loader, Loader::kUnknown);  // of itself, without end
  EXPECT_EQ(LookAt("#!\n").loader, Loader::kUnknown);
  EXPECT_EQ(LookAt("#!/no/such/interpreter\n").loader, Loader::kUnknown);
}

TEST_F(ProgramFileTest, WhatIsNoProgramIsUnknown) {
  EXPECT_EQ(LookAtProgram(AT_FDCWD, "/no/such/file").loader, Loader::kUnknown);
  EXPECT_EQ(LookAtProgram(AT_FDCWD, "/").loader, Loader::kUnknown);
  EXPECT_EQ(LookAt("").loader, Loader::kUnknown);
  EXPECT_EQ(LookAt("echo text").loader, Loader::kUnknown);
  EXPECT_EQ(LookAt("\177ELF").loader, Loader::kUnknown);
}

TEST_F(ProgramFileTest, AnotherMachineIsTold) {
  std::string self = Self();
  self[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
  self[offsetof(Elf64_Ehdr, e_machine) + 1] = 0;
  const ProgramFile other = LookAt(self);
  EXPECT_EQ(other.loader, Loader::kGlibc);
  EXPECT_FALSE(other.is_our_machine);
}

TEST_F(ProgramFileTest, AnotherLoaderIsTold) {
  std::string self = Self();
  const std::size_t at = self.find("/ld-linux");
  ASSERT_NE(at, std::string::npos);
  self.replace(at, 9, "/ld-musl-");
  EXPECT_EQ(LookAt(self).loader, Loader::kOther);
}

TEST_F(ProgramFileTest, ADescriptorIsAFile) {
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(LookAtProgram(fd, "").loader, Loader::kGlibc);
  close(fd);
}

TEST_F(ProgramFileTest, DamagedHeadersDoNotCrash) {
  const std::string self = Self();
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = self.substr(0, 64 * 1024);
    for (int i = 0; i < 6; ++i) damaged[random() % 4096] = static_cast<char>(random());
    damaged[EI_CLASS] = static_cast<char>(1 + random() % 2);
    damaged.replace(0, 4, ELFMAG);
    LookAt(damaged.substr(0, 100 + random() % damaged.size()));
  }
}

TEST(SanitizerNames, AreKnownByTheirBeginning) {
  for (const char* name :
       {"libasan.so.8", "/usr/lib/libtsan.so.2", "liblsan.so", "libclang_rt.asan-x86_64.so"}) {
    EXPECT_TRUE(IsSanitizerName(name)) << name;
  }
  for (const char* name : {"libc.so.6", "libasanas.so", "", "/libasan.so/libc.so.6"}) {
    EXPECT_FALSE(IsSanitizerName(name)) << name;
  }
}

}  // namespace
}  // namespace memwhy::program
