// SPDX-License-Identifier: Apache-2.0
#include "base/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace memwhy {
namespace {

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() {
    folder_ = testing::TempDir() + "output_file_XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
  }
  ~OutputFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  void Make(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    chmod(Path(name).c_str(), 0644);
  }
  std::string Content(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  struct stat Look(const std::string& name) const {
    struct stat status{};
    EXPECT_EQ(lstat(Path(name).c_str(), &status), 0) << name;
    return status;
  }
  std::size_t Count() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::string folder_;
};

TEST_F(OutputFileTest, ANewFileIsForItsOwnerAlone) {
  ASSERT_TRUE(WriteOutputFile(Path("report.html"), "text"));
  EXPECT_EQ(Content("report.html"), "text");
  EXPECT_EQ(Look("report.html").st_mode & 07777, 0600u);
  EXPECT_EQ(Count(), 1u);
}

TEST_F(OutputFileTest, AFileThatIsThereIsReplacedAndNotWrittenTo) {
  Make("report.html", "old");
  const auto before = Look("report.html");
  std::filesystem::create_hard_link(Path("report.html"), Path("other name"));
  ASSERT_TRUE(WriteOutputFile(Path("report.html"), "new"));
  EXPECT_EQ(Content("report.html"), "new");
  EXPECT_EQ(Content("other name"), "old");
  EXPECT_NE(Look("report.html").st_ino, before.st_ino);
  EXPECT_EQ(Look("report.html").st_mode & 07777, 0600u);
}

TEST_F(OutputFileTest, ALinkIsReplacedAndNotFollowed) {
  Make("victim", "precious");
  ASSERT_EQ(symlink(Path("victim").c_str(), Path("report.html").c_str()), 0);
  ASSERT_EQ(symlink(Path("nowhere").c_str(), Path("dangling").c_str()), 0);
  ASSERT_TRUE(WriteOutputFile(Path("report.html"), "new"));
  ASSERT_TRUE(WriteOutputFile(Path("dangling"), "new"));
  EXPECT_EQ(Content("victim"), "precious");
  EXPECT_TRUE(S_ISREG(Look("report.html").st_mode));
  EXPECT_TRUE(S_ISREG(Look("dangling").st_mode));
  EXPECT_FALSE(std::filesystem::exists(Path("nowhere")));
}

TEST_F(OutputFileTest, WithoutFinishNothingChanges) {
  Make("report.html", "old");
  {
    auto file = OutputFile::Open(Path("report.html"));
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Write("half"));
  }
  EXPECT_EQ(Content("report.html"), "old");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(OutputFileTest, TheFolderThatWasOpenedCounts) {
  ASSERT_EQ(mkdir(Path("a").c_str(), 0700), 0);
  ASSERT_EQ(mkdir(Path("b").c_str(), 0700), 0);
  auto file = OutputFile::Open(Path("a/out"));
  ASSERT_TRUE(file);
  // Somebody puts a link to another folder into its place.
  ASSERT_EQ(rename(Path("a").c_str(), Path("a was here").c_str()), 0);
  ASSERT_EQ(symlink(Path("b").c_str(), Path("a").c_str()), 0);
  ASSERT_TRUE(file->Finish());
  EXPECT_FALSE(std::filesystem::exists(Path("b/out")));
  EXPECT_TRUE(std::filesystem::exists(Path("a was here/out")));
}

TEST_F(OutputFileTest, AFolderAndAForeignKindAreRefused) {
  ASSERT_EQ(mkdir(Path("folder").c_str(), 0700), 0);
  EXPECT_FALSE(WriteOutputFile(Path("folder"), "x"));
  EXPECT_FALSE(WriteOutputFile(Path("folder/"), "x"));
  EXPECT_FALSE(WriteOutputFile("", "x"));
  EXPECT_FALSE(WriteOutputFile(Path("missing/out"), "x"));
}

TEST_F(OutputFileTest, DevicesAreWrittenTo) {
  EXPECT_TRUE(WriteOutputFile("/dev/null", "x"));
  EXPECT_FALSE(WriteOutputFile("/dev/full", "x"));
  EXPECT_TRUE(S_ISCHR([] {
    struct stat status{};
    stat("/dev/null", &status);
    return status;
  }()
                          .st_mode));
}

TEST_F(OutputFileTest, AnOwnNamedPipeIsWrittenTo) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const UniqueFd reader(open(Path("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(WriteOutputFile(Path("pipe"), "text"));
  char text[8] = {};
  EXPECT_EQ(read(reader.get(), text, sizeof(text)), 4);
  EXPECT_STREQ(text, "text");
}

TEST_F(OutputFileTest, ExclusiveMeansNew) {
  ASSERT_TRUE(WriteExclusive(Path("new"), "x"));
  EXPECT_FALSE(WriteExclusive(Path("new"), "y"));
  ASSERT_EQ(symlink(Path("nowhere").c_str(), Path("dangling").c_str()), 0);
  EXPECT_FALSE(WriteExclusive(Path("dangling"), "y"));
  EXPECT_FALSE(std::filesystem::exists(Path("nowhere")));
  EXPECT_EQ(Content("new"), "x");
}

TEST_F(OutputFileTest, ADirectoryIsNewAndOurs) {
  ASSERT_TRUE(CreateDirectory(Path("session.mwy")));
  EXPECT_EQ(Look("session.mwy").st_mode & 07777, 0700u);
  EXPECT_FALSE(CreateDirectory(Path("session.mwy")));
  ASSERT_EQ(symlink(Path("session.mwy").c_str(), Path("link").c_str()), 0);
  EXPECT_FALSE(CreateDirectory(Path("link")));
}

}  // namespace
}  // namespace memwhy
