// SPDX-License-Identifier: Apache-2.0
#include "export/sink.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace memwhy::exports {
namespace {

class FileSinkTest : public testing::Test {
 protected:
  FileSinkTest()
      : path_(testing::TempDir() + "/sink_" +
              testing::UnitTest::GetInstance()->current_test_info()->name()) {}
  ~FileSinkTest() override { std::filesystem::remove(path_); }
  std::string Content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  const std::string path_;
};

TEST_F(FileSinkTest, WritesInOrderWhateverTheSizes) {
  auto sink = FileSink::Open(path_);
  ASSERT_TRUE(sink);
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    const std::string part(static_cast<std::size_t>(i) * 5000, static_cast<char>('a' + i % 26));
    sink->Write(part);
    sink->WriteZeros(static_cast<std::uint64_t>(i));
    expected += part + std::string(static_cast<std::size_t>(i), '\0');
  }
  sink->WriteZeros(3 << 20);
  sink->Write("end");
  expected += std::string(3 << 20, '\0') + "end";
  ASSERT_TRUE(sink->Finish());
  EXPECT_EQ(Content(), expected);
}

TEST_F(FileSinkTest, ManyZerosTakeNoDiskSpace) {
  auto sink = FileSink::Open(path_);
  ASSERT_TRUE(sink);
  sink->Write("begin");
  sink->WriteZeros(std::uint64_t{10} << 30);
  ASSERT_TRUE(sink->Finish());
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, (std::int64_t{10} << 30) + 5);
  EXPECT_LT(status.st_blocks * 512, 1 << 20);
}

TEST_F(FileSinkTest, AFullDiskIsSaidInTheEnd) {
  auto sink = FileSink::Open("/dev/full");
  ASSERT_TRUE(sink);
  sink->Write(std::string(2 << 20, 'x'));
  sink->Write("more");
  const auto result = sink->Finish();
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message().find("No space left"), std::string::npos);
}

TEST_F(FileSinkTest, APlaceThatCannotBeIsSaidAtOnce) {
  EXPECT_FALSE(FileSink::Open(path_ + "/no/such/folder"));
}

}  // namespace
}  // namespace memwhy::exports
