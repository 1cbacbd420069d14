// SPDX-License-Identifier: Apache-2.0
#include "os/descriptors.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace memwhy::os {
namespace {

TEST(Descriptors, KindsAreToldByTheirLinks) {
  EXPECT_EQ(DescriptorKind("socket:[123]"), "socket");
  EXPECT_EQ(DescriptorKind("pipe:[9]"), "pipe");
  EXPECT_EQ(DescriptorKind("anon_inode:[eventpoll]"), "eventpoll");
  EXPECT_EQ(DescriptorKind("anon_inode:inotify"), "inotify");
  EXPECT_EQ(DescriptorKind("/srv/a.log"), "file");
  EXPECT_EQ(DescriptorKind("/srv/a.log (deleted)"), "deleted file");
  EXPECT_EQ(DescriptorKind("/dev/shm/torch_1"), "shared memory");
  EXPECT_EQ(DescriptorKind("/dev/shm/torch_1 (deleted)"), "unlinked shared memory");
  EXPECT_EQ(DescriptorKind("/memfd:x (deleted)"), "shared memory");
  EXPECT_EQ(DescriptorKind("/dev/null"), "device");
  EXPECT_EQ(DescriptorKind(""), "other");
}

TEST(Descriptors, CountsThoseOfThisProcess) {
  const RealFileSystem fs;
  const auto sockets = [&] {
    for (const auto& each : CountDescriptors(fs, getpid())) {
      if (each.kind == "pipe") return each.count;
    }
    return std::uint64_t{0};
  };
  const std::uint64_t before = sockets();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(sockets(), before + 2);
  close(ends[0]);
  close(ends[1]);
}

TEST(Descriptors, OfAProcessThatIsGoneNothingIsCounted) {
  EXPECT_TRUE(CountDescriptors(RealFileSystem(), 0x7ffffff0).empty());
}

}  // namespace
}  // namespace memwhy::os
