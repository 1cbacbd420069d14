// SPDX-License-Identifier: Apache-2.0
#include "agent/ground/raw_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "agent/ground/page_entry.h"

namespace memwhy::agent {
namespace {

constexpr std::size_t kPages = 16;

class CopyCarefullyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    void* mapped = mmap(nullptr, kPages * kPageBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    memory_ = static_cast<char*>(mapped);
    std::memset(memory_, 7, kPages * kPageBytes);
  }
  void TearDown() override { munmap(memory_, kPages * kPageBytes); }
  std::uintptr_t At(std::size_t page) const {
    return reinterpret_cast<std::uintptr_t>(memory_ + page * kPageBytes);
  }
  // -1: the kernel does not tell.
  int CountOwnPages() const {
    const int fd = open("/proc/self/pagemap", O_RDONLY);
    std::uint64_t entries[kPages] = {};
    const ssize_t n =
        pread(fd, entries, sizeof(entries), static_cast<off_t>(At(0) / kPageBytes * 8));
    close(fd);
    int count = 0;
    for (const std::uint64_t entry : entries) count += (entry & kPageIsOurs) != 0 ? 1 : 0;
    return n == sizeof(entries) ? count : -1;
  }

  char* memory_ = nullptr;
};

TEST_F(CopyCarefullyTest, CopiesUpToWhatIsNotThere) {
  char copy[2 * kPageBytes] = {};
  EXPECT_EQ(CopyCarefully(At(0) + 100, copy, 64), 64u);
  EXPECT_EQ(copy[63], 7);
  EXPECT_EQ(copy[64], 0);
  munmap(memory_ + kPageBytes, kPageBytes);
  EXPECT_LE(CopyCarefully(At(0) + 100, copy, sizeof(copy)), kPageBytes - 100);
  EXPECT_EQ(CopyCarefully(At(1), copy, 8), 0u);
  EXPECT_EQ(CopyCarefully(8, copy, 8), 0u);
}

TEST_F(CopyCarefullyTest, PiecesLieOneBehindTheOther) {
  memory_[kPageBytes] = 9;
  const iovec pieces[] = {{memory_, 2}, {memory_ + kPageBytes, 1}};
  char copy[3] = {};
  EXPECT_EQ(CopyPiecesCarefully(pieces, 2, copy, sizeof(copy)), 3u);
  EXPECT_EQ(std::memcmp(copy, "\7\7\11", 3), 0);
}

TEST_F(CopyCarefullyTest, WhatIsSharedWithAParentIsNotCopiedForIt) {
  if (CountOwnPages() != static_cast<int>(kPages)) GTEST_SKIP() << "the kernel does not tell";
  const pid_t child = fork();
  if (child == 0) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < kPages; ++i) {
      if (CopyCarefully(At(i), &word, sizeof(word)) != sizeof(word)) _exit(100);
    }
    _exit(CountOwnPages());
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace memwhy::agent
