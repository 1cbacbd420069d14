// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/stale_requests.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "session/temporary_directory.h"

namespace memwhy::recorder {
namespace {

using ::testing::UnorderedElementsAre;

class StaleRequestsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) { return directory_ / name; }
  void MakePipe(const std::string& name, bool is_old) {
    ASSERT_EQ(mkfifo(Path(name).c_str(), 0600), 0);
    const timespec then{std::time(nullptr) - (is_old ? 3600 : 0), 0};
    const timespec times[] = {then, then};
    ASSERT_EQ(utimensat(AT_FDCWD, Path(name).c_str(), times, 0), 0);
  }
  void MakeFile(const std::string& name) { std::ofstream(Path(name)) << "12345678"; }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Path("."))) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  session::TemporaryDirectory directory_;
};

TEST_F(StaleRequestsTest, PipesThatNobodyReadsGoWithTheirLists) {
  MakePipe("dump.7.100", true);
  MakeFile("dump.7.100.ask");
  MakeFile("dump.7.100.blocks");
  MakePipe("dump.7.101", true);
  MakeFile("dump.7.101.ask");
  const UniqueFd reader(open(Path("dump.7.101").c_str(), O_RDONLY | O_NONBLOCK));
  MakePipe("dump.7.102", false);
  MakePipe("dump.77.103", true);
  MakeFile("dump.7.heap");
  MakeFile("blocks.mwy");
  RemoveStaleRequests(Path("."), 7);
  EXPECT_THAT(Names(), UnorderedElementsAre("dump.7.101", "dump.7.101.ask", "dump.7.102",
                                            "dump.77.103", "dump.7.heap", "blocks.mwy"));
}

TEST_F(StaleRequestsTest, AFolderThatIsGoneIsNoFault) { RemoveStaleRequests(Path("none"), 7); }

}  // namespace
}  // namespace memwhy::recorder
