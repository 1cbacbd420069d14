// SPDX-License-Identifier: Apache-2.0
#include "base/regular_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace memwhy {
namespace {

class RegularFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "memwhy-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Of(const std::string& name) const { return folder_ + "/" + name; }
  std::string WhyNot(const std::string& path, Links links = Links::kFollow) const {
    const auto file = OpenRegular(path, "a session", links);
    return file ? "" : file.error().message();
  }

  std::string folder_;
};

TEST_F(RegularFileTest, GivesAFileAndItsSize) {
  std::ofstream(Of("file")) << "12345";
  const auto file = OpenRegular(Of("file"), "a session");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->bytes, 5u);
  char text[8] = {};
  EXPECT_EQ(read(file->fd.get(), text, sizeof(text)), 5);
  EXPECT_STREQ(text, "12345");
}

TEST_F(RegularFileTest, DoesNotWaitForThePipeThatNobodyWritesTo) {
  ASSERT_EQ(mkfifo(Of("pipe").c_str(), 0600), 0);
  EXPECT_EQ(WhyNot(Of("pipe")), "cannot read " + Of("pipe") +
                                    ": it is a named pipe, and a session is a regular file; copy "
                                    "what comes out of it to a file, and give that");
}

TEST_F(RegularFileTest, SaysWhatElseItIs) {
  EXPECT_NE(WhyNot(folder_).find("it is a folder"), std::string::npos);
  EXPECT_NE(WhyNot("/dev/zero").find("it is a device"), std::string::npos);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, Of("socket").c_str(), sizeof(address.sun_path) - 1);
  const UniqueFd server(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_NE(WhyNot(Of("socket")).find("it is a socket"), std::string::npos);
  EXPECT_NE(WhyNot(Of("none")).find("No such file"), std::string::npos);
}

TEST_F(RegularFileTest, FollowsALinkOnlyWhenItMay) {
  std::ofstream(Of("file")) << "1";
  ASSERT_EQ(symlink(Of("file").c_str(), Of("link").c_str()), 0);
  EXPECT_EQ(WhyNot(Of("link")), "");
  EXPECT_NE(WhyNot(Of("link"), Links::kRefuse).find("it is a link"), std::string::npos);
}

}  // namespace
}  // namespace memwhy
