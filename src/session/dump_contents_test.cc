// SPDX-License-Identifier: Apache-2.0
#include "session/dump_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "model/heap/fake_dump.h"
#include "session/dump_file.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::map<std::string, std::uint64_t> CountsOf(const DumpContents& contents) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& records : contents.records) counts[records.kind] = records.count;
  return counts;
}

class DumpContentsTest : public ::testing::Test {
 protected:
  void Write(const model::FakeDump& dump) {
    auto writer = DumpWriter::Create(path_);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->AddFact({{"type", "dump"}, {"pid", 7}}));
    ASSERT_TRUE(writer->AddBytes(dump.bytes()));
    ASSERT_TRUE(writer->AddFact({{"type", "dump_end"}, {"pause_ms", 1.5}}));
    ASSERT_TRUE(writer->Finish());
  }
  static model::FakeDump SmallDump() {
    model::FakeDump dump;
    const std::uint32_t type = dump.Type("app.Node", 0, 48, 0x1000);
    const std::uint32_t leaf = dump.Type("int", wire::kTypeIsLeaf, 28, 0x2000);
    dump.Object(type, 0x10000, 1, {0x20000, 0x30000});
    dump.Object(leaf, 0x20000, 1);
    dump.Object(leaf, 0x30000, 1);
    dump.Root(wire::DumpRoot::kModule, wire::RootCounts::kEach, "app", {0x10000});
    dump.End();
    return dump;
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "a.heap";
};

TEST_F(DumpContentsTest, BlocksFactsAndRecordsAreTold) {
  const model::FakeDump dump = SmallDump();
  Write(dump);
  const auto contents = ReadDumpContents(path_);
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->version, kDumpFileVersion);
  EXPECT_EQ(contents->stream_version, wire::kDumpVersion);
  EXPECT_EQ(contents->file_bytes, std::filesystem::file_size(path_));
  EXPECT_THAT(contents->damage, IsEmpty());
  ASSERT_EQ(contents->blocks.size(), 3u);
  EXPECT_EQ(contents->blocks[0].kind, BlockKind::kFact);
  EXPECT_EQ(contents->blocks[0].fact, R"({"pid":7,"type":"dump"})");
  EXPECT_EQ(contents->blocks[1].kind, BlockKind::kDump);
  EXPECT_EQ(contents->blocks[1].raw_bytes, dump.bytes().size());
  EXPECT_THAT(contents->blocks[2].fact, HasSubstr("pause_ms"));
  EXPECT_EQ(CountsOf(*contents), (std::map<std::string, std::uint64_t>{
                                     {"type", 2}, {"object", 3}, {"root", 1}, {"end", 1}}));
}

TEST_F(DumpContentsTest, EachByteOfTheStreamBelongsToARecord) {
  const model::FakeDump dump = SmallDump();
  Write(dump);
  const auto contents = ReadDumpContents(path_);
  ASSERT_TRUE(contents);
  std::uint64_t bytes = sizeof(wire::kDumpMagic) + 1;  // the magic and the version
  for (const auto& records : contents->records) bytes += records.bytes;
  EXPECT_EQ(bytes, dump.bytes().size());
}

TEST_F(DumpContentsTest, AFileThatIsCutAnywhereIsDescribedUpToTheCut) {
  Write(SmallDump());
  const std::string whole = ReadAll(path_);
  const auto everything = ReadDumpContents(path_);
  ASSERT_TRUE(everything);
  std::size_t last = 0;
  for (std::size_t size = sizeof(DumpFileHeader); size < whole.size(); ++size) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    const auto contents = ReadDumpContents(path_);
    ASSERT_TRUE(contents) << size;
    EXPECT_GE(contents->blocks.size(), last) << size;
    last = contents->blocks.size();
    // Only the last fact may be missing without damage.
    if (last + 1 < everything->blocks.size()) {
      EXPECT_THAT(contents->damage, Not(IsEmpty())) << size;
    }
  }
}

TEST_F(DumpContentsTest, AChangedByteIsDamage) {
  Write(SmallDump());
  std::string bytes = ReadAll(path_);
  const auto before = ReadDumpContents(path_);
  ASSERT_TRUE(before);
  bytes[static_cast<std::size_t>(before->blocks[1].offset) + sizeof(BlockHeader) + 3] ^= 1;
  std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  const auto contents = ReadDumpContents(path_);
  ASSERT_TRUE(contents);
  EXPECT_THAT(contents->damage, HasSubstr("checksum"));
  EXPECT_THAT(contents->damage, HasSubstr(std::to_string(before->blocks[1].offset)));
  EXPECT_EQ(contents->blocks.size(), 1u);
  EXPECT_THAT(contents->records, IsEmpty());
}

TEST_F(DumpContentsTest, AStreamThatEndsEarlyIsDamage) {
  model::FakeDump dump;
  dump.Type("app.Node", 0, 48, 0x1000);
  Write(dump);
  const auto contents = ReadDumpContents(path_);
  ASSERT_TRUE(contents);
  EXPECT_THAT(contents->damage, HasSubstr("end record"));
  EXPECT_EQ(CountsOf(*contents), (std::map<std::string, std::uint64_t>{{"type", 1}}));
}

TEST_F(DumpContentsTest, WhatIsNoDumpIsAnError) {
  std::ofstream(path_) << "no dump";
  EXPECT_FALSE(ReadDumpContents(path_));
}

}  // namespace
}  // namespace memwhy::session
