// SPDX-License-Identifier: Apache-2.0
#include "readers/valgrind_xml_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace memwhy::readers {
namespace {

constexpr char kHead[] =
    "<?xml version=\"1.0\"?>\n\n<valgrindoutput>\n\n<protocolversion>4</protocolversion>\n"
    "<pid>29524</pid>\n<ppid>29478</ppid>\n<tool>memcheck</tool>\n"
    "<args>\n  <vargv>\n    <exe>/usr/bin/valgrind.bin</exe>\n  </vargv>\n"
    "  <argv>\n    <exe>python3</exe>\n    <arg>app &amp; co.py</arg>\n  </argv>\n</args>\n"
    "<status><state>RUNNING</state></status>\n";
constexpr char kErrors[] =
    "<error>\n  <unique>0x4</unique>\n  <tid>1</tid>\n  <kind>InvalidRead</kind>\n"
    "  <what>Invalid read of size 1</what>\n  <stack>\n    <frame>\n      <ip>0x53C9213</ip>\n"
    "      <obj>/srv/fast.so</obj>\n      <fn>use</fn>\n      <dir>/srv/src</dir>\n"
    "      <file>fast.c</file>\n      <line>7</line>\n    </frame>\n    <frame>\n"
    "      <ip>0x51F62A</ip>\n    </frame>\n  </stack>\n"
    "  <auxwhat>Address 0x1 is 3 bytes inside a block of size 32 free'd</auxwhat>\n"
    "  <stack>\n    <frame>\n      <ip>0x1</ip>\n      <fn>free</fn>\n    </frame>\n  </stack>\n"
    "</error>\n"
    "<error>\n  <unique>0x5</unique>\n  <kind>Leak_DefinitelyLost</kind>\n  <xwhat>\n"
    "    <text>3,702 bytes in 3 blocks are definitely lost</text>\n"
    "    <leakedbytes>3702</leakedbytes>\n    <leakedblocks>3</leakedblocks>\n  </xwhat>\n"
    "  <stack></stack>\n</error>\n";
constexpr char kEnd[] =
    "<status><state>FINISHED</state></status>\n<errorcounts>\n  <pair>\n    <count>12</count>\n"
    "    <unique>0x4</unique>\n  </pair>\n</errorcounts>\n</valgrindoutput>\n";

std::string Whole() { return std::string(kHead) + kErrors + kEnd; }

model::MemcheckRun ReadXml(std::string_view text, std::size_t step = 1u << 20) {
  ValgrindXmlReader reader;
  for (std::size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  return reader.Finish();
}

TEST(ValgrindXmlReaderTest, ReadsErrorsWithTheirStacks) {
  const model::MemcheckRun run = ReadXml(Whole());
  EXPECT_EQ(run.damage, "");
  EXPECT_TRUE(run.is_finished);
  EXPECT_EQ(run.pid, 29524u);
  EXPECT_EQ(run.parent, 29478u);
  EXPECT_EQ(run.tool, "memcheck");
  EXPECT_EQ(run.command, (std::vector<std::string>{"python3", "app & co.py"}));
  ASSERT_EQ(run.errors.size(), 2u);
  const model::MemcheckError& read = run.errors[0];
  EXPECT_EQ(read.kind, "InvalidRead");
  EXPECT_EQ(read.says, "Invalid read of size 1");
  EXPECT_EQ(read.count, 12u);
  EXPECT_FALSE(read.leaked_bytes);
  ASSERT_EQ(read.stacks.size(), 2u);
  ASSERT_EQ(read.stacks[0].frames.size(), 2u);
  EXPECT_EQ(read.stacks[0].frames[0], (model::NativeFrame{.address = 0x53C9213,
                                                          .object = "/srv/fast.so",
                                                          .function = "use",
                                                          .directory = "/srv/src",
                                                          .file = "fast.c",
                                                          .line = 7}));
  EXPECT_EQ(read.stacks[0].says, "");
  EXPECT_EQ(read.stacks[1].says, "Address 0x1 is 3 bytes inside a block of size 32 free'd");
  EXPECT_EQ(run.errors[1].leaked_bytes, 3702u);
  EXPECT_EQ(run.errors[1].leaked_blocks, 3u);
}

TEST(ValgrindXmlReaderTest, PiecesReadAsTheWhole) {
  for (const std::size_t step : {1u, 7u, 64u}) {
    const model::MemcheckRun run = ReadXml(Whole(), step);
    EXPECT_EQ(run.damage, "");
    ASSERT_EQ(run.errors.size(), 2u);
    EXPECT_EQ(run.errors[0].stacks[0].frames[0].function, "use");
  }
}

TEST(ValgrindXmlReaderTest, EveryTruncationIsReadUpToThere) {
  const std::string whole = Whole();
  const std::size_t first_end = whole.find("</error>") + 8;
  for (std::size_t size = 0; size < whole.size() - 2; ++size) {
    const model::MemcheckRun run = ReadXml(std::string_view(whole).substr(0, size));
    EXPECT_NE(run.damage, "") << size;
    EXPECT_GE(run.errors.size(), size >= first_end ? 1u : 0u) << size;
  }
}

TEST(ValgrindXmlReaderTest, RefusesDocumentTypes) {
  const model::MemcheckRun run =
      ReadXml("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><valgrindoutput/>");
  EXPECT_NE(run.damage.find("document type"), std::string::npos);
}

TEST(ValgrindXmlReaderTest, RefusesOtherXml) {
  EXPECT_NE(ReadXml("<html/>").damage.find("no output of valgrind"), std::string::npos);
}

TEST(ValgrindXmlReaderTest, BoundsWhatOneErrorCanAskFor) {
  std::string text = kHead;
  text += "<error><kind>" + std::string(100000, 'x') + "</kind><stack>";
  for (int i = 0; i < 2000; ++i) text += "<frame><ip>0x1</ip></frame>";
  text += "</stack></error>";
  text += kEnd;
  const model::MemcheckRun run = ReadXml(text);
  ASSERT_EQ(run.errors.size(), 1u);
  EXPECT_EQ(run.errors[0].kind.size(), ValgrindXmlReader::kMaxText);
  EXPECT_EQ(run.errors[0].stacks[0].frames.size(), ValgrindXmlReader::kMaxFrames);
}

TEST(ValgrindXmlReaderTest, RefusesDeepNesting) {
  std::string text = "<valgrindoutput>";
  for (int i = 0; i < 1000; ++i) text += "<a>";
  EXPECT_NE(ReadXml(text).damage.find("nested too deeply"), std::string::npos);
}

}  // namespace
}  // namespace memwhy::readers
