// SPDX-License-Identifier: Apache-2.0
#include "os/remote_memory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <vector>

#include "base/unique_fd.h"
#include "os/pagemap.h"

namespace memwhy::os {
namespace {

constexpr std::size_t kPage = 4096;

class MappingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    void* mapped =
        mmap(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    madvise(mapped, 8 * kPage, MADV_NOHUGEPAGE);
    memory_ = static_cast<char*>(mapped);
  }
  void TearDown() override { munmap(memory_, 8 * kPage); }
  std::uint64_t Address(std::size_t page) const {
    return reinterpret_cast<std::uint64_t>(memory_ + page * kPage);
  }

  char* memory_ = nullptr;
};

using RemoteMemoryTest = MappingTest;
using PagemapTest = MappingTest;

TEST_F(RemoteMemoryTest, SkipsPiecesThatAreNotMapped) {
  memory_[0] = 'a';
  memory_[2 * kPage] = 'c';
  ASSERT_EQ(munmap(memory_ + kPage, kPage), 0);
  std::vector<std::byte> buffer(3);
  std::vector<RemotePiece> pieces;
  for (std::size_t i = 0; i < 3; ++i) {
    pieces.push_back({Address(i), std::span(buffer).subspan(i, 1)});
  }
  const auto count = ReadRemote(getpid(), pieces);
  if (!count) GTEST_SKIP() << count.error().message();
  EXPECT_EQ(*count, 2u);
  EXPECT_TRUE(pieces[0].is_read);
  EXPECT_FALSE(pieces[1].is_read);
  EXPECT_TRUE(pieces[2].is_read);
  EXPECT_EQ(buffer[2], std::byte{'c'});
}

TEST_F(RemoteMemoryTest, ReadsMorePiecesThanOneCallTakes) {
  std::vector<std::uint32_t> source(3000);
  for (std::uint32_t i = 0; i < source.size(); ++i) source[i] = i;
  std::vector<std::uint32_t> target(source.size());
  std::vector<RemotePiece> pieces;
  for (std::size_t i = 0; i < source.size(); ++i) {
    pieces.push_back({reinterpret_cast<std::uint64_t>(&source[i]),
                      std::as_writable_bytes(std::span(target).subspan(i, 1))});
  }
  const auto count = ReadRemote(getpid(), pieces);
  if (!count) GTEST_SKIP() << count.error().message();
  EXPECT_EQ(*count, source.size());
  EXPECT_EQ(source, target);
}

TEST_F(RemoteMemoryTest, ExactReadIsWholeOrAnError) {
  const std::uint64_t value = 0x1122334455667788;
  const auto read =
      ReadRemoteValue<std::uint64_t>(getpid(), reinterpret_cast<std::uint64_t>(&value));
  if (!read) GTEST_SKIP() << read.error().message();
  EXPECT_EQ(*read, value);
  EXPECT_FALSE(ReadRemoteValue<std::uint64_t>(getpid(), 8));
}

// Bit 56 of a pagemap entry: the page is ours alone.
std::size_t CountOwnPages(const void* begin, std::size_t pages) {
  const UniqueFd fd(open("/proc/self/pagemap", O_RDONLY));
  std::vector<std::uint64_t> entries(pages);
  const auto first = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(begin) / kPage * 8);
  if (pread(fd.get(), entries.data(), pages * 8, first) != static_cast<ssize_t>(pages * 8))
    return 0;
  return static_cast<std::size_t>(
      std::count_if(entries.begin(), entries.end(), [](std::uint64_t e) { return e >> 56 & 1; }));
}

TEST(SharedMemoryTest, WhatAForkedChildSharesIsNotCopied) {
  constexpr std::size_t kPages = 64;
  void* memory =
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kPages * kPage);
  if (CountOwnPages(memory, kPages) != kPages) GTEST_SKIP() << "the kernel does not tell";
  const pid_t child = fork();
  if (child == 0) {
    while (true) pause();
  }
  EXPECT_EQ(CountOwnPages(memory, kPages), 0u);
  std::vector<std::byte> words(kPages * 8);
  std::vector<RemotePiece> pieces;
  for (std::size_t i = 0; i < kPages; ++i) {
    pieces.push_back(
        {reinterpret_cast<std::uint64_t>(memory) + i * kPage, std::span(words).subspan(i * 8, 8)});
  }
  const auto count = ReadRemote(child, pieces);
  EXPECT_EQ(CountOwnPages(memory, kPages), 0u);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  munmap(memory, kPages * kPage);
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, kPages);
  EXPECT_EQ(words[0], std::byte{1});
}

TEST(PageRunTest, MergesNeighboursOfOneKind) {
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
  std::vector<PageRun> runs;
  const std::vector<std::uint64_t> entries = {kPresent, kPresent, 0, kSwapped, kPresent};
  AppendRuns(entries, 0x10000, kPage, runs);
  AppendRuns(std::vector<std::uint64_t>{kPresent}, 0x15000, kPage, runs);
  EXPECT_EQ(runs,
            (std::vector<PageRun>{
                {0x10000, 0x12000, false}, {0x13000, 0x14000, true}, {0x14000, 0x16000, false}}));
}

TEST_F(PagemapTest, FindsTouchedPages) {
  memory_[kPage] = 1;
  memory_[2 * kPage] = 1;
  memory_[5 * kPage] = 1;
  const auto runs = ReadPageRuns(getpid(), Address(0), Address(8));
  if (!runs) GTEST_SKIP() << runs.error().message();
  EXPECT_EQ(*runs, (std::vector<PageRun>{{Address(1), Address(3), false},
                                         {Address(5), Address(6), false}}));
}

TEST_F(PagemapTest, VsyscallAndEmptyRangesHaveNoPages) {
  const auto runs = ReadPageRuns(getpid(), 0xffffffffff600000, 0xffffffffff601000);
  if (!runs) GTEST_SKIP() << runs.error().message();
  EXPECT_TRUE(runs->empty());
  EXPECT_TRUE(ReadPageRuns(getpid(), 4096, 4096)->empty());
  EXPECT_FALSE(ReadPageRuns(0x7fffffff, 0, 4096));
}

}  // namespace
}  // namespace memwhy::os
