// SPDX-License-Identifier: Apache-2.0
#include "recorder/ring/page_promise.h"

#include <gtest/gtest.h>
#include <sys/statfs.h>

#include "base/file_system.h"
#include "session/temporary_directory.h"

namespace memwhy::recorder {
namespace {

TEST(PagePromiseTest, FileSystemsThatWriteInPlaceKeepIt) {
  for (const std::uint64_t type : {0xef53ull, 0x58465342ull, 0x01021994ull, 0x858458f6ull}) {
    const PagePromise promise = PromiseOfType(type);
    EXPECT_TRUE(promise.is_kept) << promise.disk;
    EXPECT_EQ(promise.why, "");
  }
  EXPECT_TRUE(PromiseOfType(0x01021994).is_memory);
  EXPECT_FALSE(PromiseOfType(0xef53).is_memory);
}

TEST(PagePromiseTest, CopiesNetworksAndTheUnknownDoNot) {
  for (const std::uint64_t type :
       {0x9123683eull, 0x2fc12fc1ull, 0xca451a4eull, 0xf2f52010ull, 0x6969ull, 0x01021997ull,
        0x65735546ull, 0x794c7630ull, 0x12345678ull, 0ull}) {
    const PagePromise promise = PromiseOfType(type);
    EXPECT_FALSE(promise.is_kept) << promise.disk;
    EXPECT_NE(promise.why, "");
    EXPECT_NE(promise.disk, "");
  }
}

// What the experiment finds on the disk of this test agrees with what its type says.
TEST(PagePromiseTest, TheExperimentAgreesWithWhatIsKnown) {
  const session::TemporaryDirectory directory;
  struct statfs disk{};
  ASSERT_EQ(statfs((directory / "").c_str(), &disk), 0);
  const PagePromise known = PromiseOfType(static_cast<std::uint32_t>(disk.f_type));
  if (known.is_kept && !known.is_memory) {
    EXPECT_TRUE(WritesInPlace(directory / ""));
  } else {
    EXPECT_FALSE(WritesInPlace(directory / "") && known.disk != "an overlay");
  }
  EXPECT_TRUE(RealFileSystem().ListDir(directory / "")->empty()) << "nothing is left behind";
}

TEST(PagePromiseTest, AFolderThatIsNotThereKeepsNothing) {
  const session::TemporaryDirectory directory;
  EXPECT_FALSE(PromiseOf(directory / "none").is_kept);
  EXPECT_FALSE(WritesInPlace(directory / "none"));
}

}  // namespace
}  // namespace memwhy::recorder
