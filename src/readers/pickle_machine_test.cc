// SPDX-License-Identifier: Apache-2.0
#include "readers/pickle_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "readers/fake_pickle.h"

namespace memwhy::readers {
namespace {

using testing::HasSubstr;

struct NoRecords : PickleMachine::Client {
  std::optional<std::uint64_t> OnDict(std::span<const PickleMachine::Pair>) override {
    return std::nullopt;
  }
};

struct Machine {
  NoRecords client;
  PickleMachine machine{&client};
  std::string error;
  explicit Machine(std::string_view bytes, std::size_t step = 1 << 20) {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      if (!machine.Feed(bytes.substr(at, step))) break;
    }
    if (const auto done = machine.Finish(); !done) error = done.error().message();
  }
  PickleValue root() const { return machine.root(); }
};

TEST(PickleMachineTest, NumbersOfEveryWidthAreRead) {
  const std::pair<std::string, std::int64_t> numbers[] = {
      {std::string("K\xff"), 255},
      {std::string("M\x01\x02"), 0x201},
      {std::string("J\xff\xff\xff\xff"), -1},
      {std::string("\x8a\x00", 2), 0},
      {std::string("\x8a\x01\xff"), -1},
      {std::string("\x8a\x03\x00\x00\x80", 5), -(std::int64_t{1} << 23)},
      {std::string("\x8a\x06\x00\x00\x00\x00\x00\x7f", 8), 0x7f0000000000},
      {std::string("\x8b\x01\x00\x00\x00\x7f", 6), 127}};
  for (const auto& [bytes, value] : numbers) {
    const Machine read(pickle::Pickle(bytes));
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.root().kind, PickleKind::kInt);
    EXPECT_EQ(static_cast<std::int64_t>(read.root().bits), value);
  }
}

TEST(PickleMachineTest, ANumberAboveTheSignedOnesStaysPositive) {
  const Machine read(pickle::Pickle("\x8a\x09" + pickle::LittleEndianBytes(1ull << 63, 9)));
  EXPECT_EQ(read.root(), (PickleValue{PickleKind::kUnsigned, 1ull << 63}));
}

TEST(PickleMachineTest, LargeNumbersSurviveListsAndTheMemo) {
  // [n, n] with n remembered
  const std::string n = pickle::Int(std::int64_t{-5}) + "q" + std::string(1, '\0');
  const Machine read(pickle::Pickle("](" + n + "h" + std::string(1, '\0') + "e", 2));
  ASSERT_EQ(read.error, "");
  const auto items = read.machine.list(read.root());
  ASSERT_EQ(items.size(), 2u);
  for (const auto item : items) {
    EXPECT_EQ(static_cast<std::int64_t>(read.machine.Unpack(item).bits), -5);
  }
}

TEST(PickleMachineTest, AllWaysToMakeContainersGiveTheSame) {
  const std::string one = pickle::Text("a") + pickle::Int(1);
  for (const std::string& dict : {"}(" + one + "u", "}" + one + "s", "(" + one + "d"}) {
    const Machine read(pickle::Pickle(dict));
    ASSERT_EQ(read.error, "");
    const auto pairs = read.machine.dict(read.root());
    ASSERT_EQ(pairs.size(), 1u);
    EXPECT_EQ(read.machine.key(pairs[0].first), "a");
    EXPECT_EQ(pairs[0].second.bits, 1u);
  }
  for (const std::string list : {"](K\x01"
                                 "K\x02"
                                 "e",
                                 "]K\x01"
                                 "aK\x02"
                                 "a",
                                 "(K\x01"
                                 "K\x02"
                                 "l"}) {
    const Machine read(pickle::Pickle(list));
    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.machine.list(read.root()).size(), 2u);
  }
  for (const std::string tuple : {"K\x01"
                                  "K\x02\x86",
                                  "(K\x01"
                                  "K\x02"
                                  "t"}) {
    const Machine read(pickle::Pickle(tuple));
    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.machine.tuple(read.root()).size(), 2u);
  }
}

TEST(PickleMachineTest, NothingThatRunsCodeIsRead) {
  for (const std::string& bytes :
       {std::string("cos\nsystem\n"), std::string("K\x01R"), std::string("K\x01\x93"),
        std::string("}}b"), std::string("(ios\nsystem\n"), std::string("(o"), std::string("))\x81"),
        std::string("\x82\x01"), std::string("P1\n"), std::string("K\x01Q"), std::string("\x92")}) {
    const Machine read(pickle::Pickle(bytes));
    EXPECT_THAT(read.error, HasSubstr("would run code"));
    EXPECT_THAT(read.error, HasSubstr("byte "));
  }
}

TEST(PickleMachineTest, AnErrorSaysAtWhichByte) {
  EXPECT_EQ(Machine(pickle::Pickle("]K\x01\x93")).error.substr(0, 8), "byte 5: ");
  EXPECT_EQ(Machine("").error, "byte 0: the file is empty");
  EXPECT_EQ(Machine("\x80\x04](K\x01").error, "byte 6: the file ends here");
  EXPECT_THAT(Machine("\x80\x09.").error, HasSubstr("pickle protocol 9"));
  EXPECT_THAT(Machine("I1\n.").error, HasSubstr("0x49 does not begin a pickle"));
  EXPECT_THAT(Machine(pickle::Pickle("I1\n")).error, HasSubstr("0x49 is no opcode"));
  EXPECT_THAT(Machine(pickle::Pickle("h\x07")).error, HasSubstr("never remembered"));
  EXPECT_THAT(Machine(pickle::Pickle("]r\xff\xff\xff\xff")).error, HasSubstr("too early"));
  EXPECT_THAT(Machine(pickle::Pickle("X\xff\xff\xff\xff")).error, HasSubstr("4294967295 bytes"));
}

TEST(PickleMachineTest, WrongUseOfTheStackIsAnError) {
  for (const std::string bytes : {"e", "u", "t", "a", "s",
                                  "K\x01"
                                  "a",
                                  "}K\x01"
                                  "a",
                                  "]K\x01K\x01s", "(e", "((u", "0", "\x87", "q\x01",
                                  "(K\x01"
                                  "d",
                                  "(K\x01K\x01"
                                  "d"}) {
    EXPECT_NE(Machine(pickle::Pickle(bytes)).error, "") << bytes;
  }
}

TEST(PickleMachineTest, PiecesOfAnySizeGiveTheSame) {
  const std::string bytes = pickle::Pickle(pickle::SmallSnapshot());
  for (std::size_t step = 1; step < 40; ++step) {
    const Machine read(bytes, step);
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.machine.position(), bytes.size());
  }
}

TEST(PickleMachineTest, AListInItselfIsRead) {
  const Machine read(pickle::Pickle(std::string("]\x94h\0a", 5)));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.machine.list(read.root()).size(), 1u);
}

}  // namespace
}  // namespace memwhy::readers
