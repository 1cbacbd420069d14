// SPDX-License-Identifier: Apache-2.0
#include "os/smaps.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/fake_file_system.h"

namespace memwhy::os {
namespace {

constexpr const char* kText =
    "55d0c8a00000-55d0c8a21000 rw-p 00001000 fd:01 1234                       [heap]\n"
    "Size:                132 kB\n"
    "KernelPageSize:        4 kB\n"
    "Rss:                 100 kB\n"
    "Pss:                  90 kB\n"
    "Pss_Dirty:            80 kB\n"
    "Shared_Clean:          1 kB\n"
    "Shared_Dirty:          2 kB\n"
    "Private_Clean:         3 kB\n"
    "Private_Dirty:        94 kB\n"
    "Anonymous:            96 kB\n"
    "AnonHugePages:      2048 kB\n"
    "Swap:                  8 kB\n"
    "SwapPss:               7 kB\n"
    "VmFlags: rd wr mr mw me ac\n"
    "7f0000000000-7f0000001000 r-xs 00000000 00:05 7          /tmp/a file (deleted)\n"
    "Rss:                   4 kB\n"
    "7f0000002000-7f0000003000 ---p 00000000 00:00 0 \n";

TEST(SmapsTest, ReadsEveryPageKind) {
  const auto mappings = ParseSmaps(kText);
  ASSERT_TRUE(mappings) << mappings.error().message();
  ASSERT_EQ(mappings->size(), 3u);
  const Vma& heap = (*mappings)[0];
  EXPECT_EQ(heap.start, 0x55d0c8a00000u);
  EXPECT_EQ(heap.size(), 0x21000u);
  EXPECT_EQ(heap.perms, "rw-p");
  EXPECT_EQ(heap.offset, 0x1000u);
  EXPECT_EQ(heap.inode, 1234u);
  EXPECT_EQ(heap.name, "[heap]");
  EXPECT_EQ(heap.rss, 100u * 1024);
  EXPECT_EQ(heap.pss, 90u * 1024);
  EXPECT_EQ(heap.shared_clean, 1u * 1024);
  EXPECT_EQ(heap.shared_dirty, 2u * 1024);
  EXPECT_EQ(heap.private_clean, 3u * 1024);
  EXPECT_EQ(heap.private_dirty, 94u * 1024);
  EXPECT_EQ(heap.anonymous, 96u * 1024);
  EXPECT_EQ(heap.anon_huge_pages, 2048u * 1024);
  EXPECT_EQ(heap.swap, 8u * 1024);
}

TEST(SmapsTest, KeepsBlanksInNamesAndReadsPermissions) {
  const auto mappings = ParseSmaps(kText);
  ASSERT_TRUE(mappings);
  EXPECT_EQ((*mappings)[1].name, "/tmp/a file (deleted)");
  EXPECT_TRUE((*mappings)[1].is_executable());
  EXPECT_TRUE((*mappings)[1].is_shared());
  EXPECT_FALSE((*mappings)[1].is_writable());
  EXPECT_EQ((*mappings)[2].name, "");
  EXPECT_FALSE((*mappings)[2].is_readable());
}

TEST(SmapsTest, ALineEndInANameIsDecoded) {
  const auto mappings =
      ParseSmaps("7f0000000000-7f0000001000 r-xs 00000000 00:05 7  /tmp/a\\012b\\n\n");
  ASSERT_TRUE(mappings);
  EXPECT_EQ((*mappings)[0].name, "/tmp/a\nb\\n");
}

TEST(SmapsTest, SaysWhichLineIsBroken) {
  EXPECT_FALSE(ParseSmaps("55d0-zz rw-p 0 0 0\n"));
  FakeFileSystem fs;
  fs.AddFile("/proc/7/smaps", "5000-4000 rw-p 00000000 00:00 0\n");
  const auto mappings = ReadSmaps(fs, 7);
  ASSERT_FALSE(mappings);
  EXPECT_EQ(mappings.error().message(),
            "/proc/7/smaps: not a mapping: \"5000-4000 rw-p 00000000 00:00 0\"");
}

TEST(SmapsTest, FindsAKnownPageOfThisProcess) {
  const RealFileSystem fs;
  const auto mappings = ReadSmaps(fs, getpid());
  if (!mappings) GTEST_SKIP() << mappings.error().message();
  int local = 0;
  const auto address = reinterpret_cast<std::uint64_t>(&local);
  EXPECT_TRUE(std::any_of(mappings->begin(), mappings->end(), [&](const Vma& vma) {
    return vma.start <= address && address < vma.end && vma.is_writable();
  }));
}

TEST(SmapsTest, ReadsFortyThousandMappings) {
  std::string text;
  for (std::uint64_t i = 0; i < 40000; ++i) {
    text += fmt::format("{:x}-{:x} rw-p 00000000 00:00 0 \n", i << 13, (i << 13) + 4096);
    text += "Rss:                   4 kB\nPss:                   4 kB\n";
  }
  const auto mappings = ParseSmaps(text);
  ASSERT_TRUE(mappings);
  EXPECT_EQ(mappings->size(), 40000u);
  EXPECT_EQ(mappings->back().rss, 4096u);
}

}  // namespace
}  // namespace memwhy::os
