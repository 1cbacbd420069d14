// SPDX-License-Identifier: Apache-2.0
#include "agent/unwind/call_frame_program.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace memwhy::agent {
namespace {

using Base = FrameRule::Base;
using Bytes = std::vector<std::uint8_t>;

void Put32(Bytes* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out->push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

constexpr std::uint32_t kBegin = 0x1000;

// A CIE with absolute 4-byte pointers, then one FDE of [kBegin, kBegin + 0x100).
struct Table {
  Bytes bytes;
  std::size_t entry = 0;

  explicit Table(const Bytes& program, const char* augmentation = "zR") {
    Bytes cie;
    Put32(&cie, 0);
    cie.push_back(1);
    for (const char* at = augmentation; *at != 0; ++at) {
      cie.push_back(static_cast<std::uint8_t>(*at));
    }
    // code unit 1, data unit -8, return address 16, one byte: udata4; CFA = rsp + 8
    for (const int byte : {0, 1, 0x78, 16, 1, 0x03, 0x0c, 7, 8, 0x90, 1}) {
      cie.push_back(static_cast<std::uint8_t>(byte));
    }
    Put32(&bytes, static_cast<std::uint32_t>(cie.size()));
    bytes.insert(bytes.end(), cie.begin(), cie.end());
    entry = bytes.size();
    Put32(&bytes, static_cast<std::uint32_t>(13 + program.size()));
    Put32(&bytes, static_cast<std::uint32_t>(entry + 4));
    Put32(&bytes, kBegin);
    Put32(&bytes, 0x100);
    bytes.push_back(0);
    bytes.insert(bytes.end(), program.begin(), program.end());
  }

  FrameRule At(std::uint32_t offset) const {
    FrameEntryOfTable found;
    const TableBytes all{bytes.data(), bytes.data() + bytes.size()};
    if (!ReadFrameEntry(all, bytes.data() + entry, &found)) return {};
    return RuleAt(found, kBegin + offset);
  }
};

FrameRule Rule(Base base, int cfa, FrameRule::Saved rbp = FrameRule::Saved::kSame, int slot = 0) {
  return {base, rbp, static_cast<std::int16_t>(slot), cfa};
}

TEST(CallFrameProgram, FollowsAFunctionWithAFramePointer) {
  // push %rbp at 0, mov %rsp, %rbp at 1, leave at 0x80
  const Table table({0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x02, 0x7d, 0x0c, 7, 8, 0xc6});
  EXPECT_EQ(table.At(0), Rule(Base::kStack, 8));
  EXPECT_EQ(table.At(1), Rule(Base::kStack, 16, FrameRule::Saved::kAtCfa, -2));
  EXPECT_EQ(table.At(4), Rule(Base::kFrame, 16, FrameRule::Saved::kAtCfa, -2));
  EXPECT_EQ(table.At(0x80), Rule(Base::kFrame, 16, FrameRule::Saved::kAtCfa, -2));
  EXPECT_EQ(table.At(0x81), Rule(Base::kStack, 8));
}

TEST(CallFrameProgram, RemembersAndRestores) {
  const Table table({0x41, 0x0e, 32, 0x0a, 0x42, 0x0e, 8, 0x42, 0x0b});
  EXPECT_EQ(table.At(2), Rule(Base::kStack, 32));
  EXPECT_EQ(table.At(4), Rule(Base::kStack, 8));
  EXPECT_EQ(table.At(6), Rule(Base::kStack, 32));
}

TEST(CallFrameProgram, KnowsAlignedStacks) {
  // CFA = *(rbp - 8), the caller's rbp at rbp + 0
  const Table table({0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0});
  EXPECT_EQ(table.At(9), Rule(Base::kFrameDeref, 0xfff8, FrameRule::Saved::kAtFrame, 0));
}

TEST(CallFrameProgram, KnowsTheLinkageTable) {
  const Table table({0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22});
  EXPECT_EQ(table.At(0x10), Rule(Base::kStack, 8));
  EXPECT_EQ(table.At(0x1b), Rule(Base::kStack, 16));
}

TEST(CallFrameProgram, KnowsEndsAndSignals) {
  EXPECT_EQ(Table({0x07, 16}).At(1).base, Base::kEnd);
  EXPECT_EQ(Table({}, "zRS").At(1).base, Base::kSignal);
}

TEST(CallFrameProgram, CutsWhatItCannotSay) {
  EXPECT_EQ(Table({0x0c, 3, 16}).At(0).base, Base::kCut);          // by rbx
  EXPECT_EQ(Table({0x0b}).At(0).base, Base::kCut);                 // nothing remembered
  EXPECT_EQ(Table({0x3f}).At(0).base, Base::kCut);                 // no such instruction
  EXPECT_EQ(Table({0x90, 2}).At(0).base, Base::kCut);              // return address elsewhere
  EXPECT_EQ(Table({0x0f, 2, 0x30, 0x06}).At(0).base, Base::kCut);  // another expression
  EXPECT_EQ(Table({}).At(0x100).base, Base::kCut);                 // beyond its function
  EXPECT_EQ(Table({}, "zRX").At(0).base, Base::kCut);              // unknown augmentation
  EXPECT_EQ(Table({0x0e, 0xff, 0xff, 0xff, 0xff, 0x7f}).At(0).base, Base::kCut);
}

// Every byte set to every value, and every cut: it ends, and reads nothing outside (run under the
// address sanitizer).
TEST(CallFrameProgram, SurvivesDamage) {
  const Table good({0x41, 0x0e, 16, 0x86, 2,    0x0a, 0x43, 0x0d, 6, 0x02, 0x7d,
                    0x0b, 0x0f, 3,  0x76, 0x78, 0x06, 0x10, 6,    2, 0x76, 0});
  int decoded = 0;
  for (std::size_t i = 0; i < good.bytes.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      Table bad = good;
      bad.bytes[i] = static_cast<std::uint8_t>(value);
      decoded += bad.At(0x90).base != Base::kCut ? 1 : 0;
    }
    Table cut = good;
    cut.bytes.resize(i);
    cut.bytes.shrink_to_fit();
    if (i > cut.entry) cut.At(0x90);
  }
  EXPECT_GT(decoded, 0);
}

}  // namespace
}  // namespace memwhy::agent
