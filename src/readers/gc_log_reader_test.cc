// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_log_reader.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace memwhy::readers {
namespace {

using model::GcCollection;
using model::GcLog;
using model::GcTextForm;
using Before = std::array<std::uint64_t, 3>;

struct Object {
  std::uint64_t address;
  std::string type;
  bool is_collectable;
  std::optional<std::uint64_t> collection;
};

struct Read {
  GcLog log;
  std::vector<Object> objects;
};

// In pieces of `step` bytes.
Read ReadText(std::string_view text, bool keep_shutdown = false, std::size_t step = 1 << 20) {
  Read read;
  GcLogReader reader(keep_shutdown, [&](const model::GcObject& object) {
    read.objects.push_back(
        {object.address, std::string(object.type), object.is_collectable, object.collection});
  });
  for (std::size_t at = 0; at < text.size(); at += step) reader.Feed(text.substr(at, step));
  read.log = reader.Finish();
  return read;
}

std::string Block(int generation, const std::string& counts, const std::string& done) {
  return fmt::format(
      "gc: collecting generation {}...\ngc: objects in each generation: {}\n"
      "gc: objects in permanent generation: 0\n{}",
      generation, counts, done.empty() ? "" : done + "\n");
}
std::string Done(int unreachable, int uncollectable = 0) {
  return fmt::format("gc: done, {} unreachable, {} uncollectable, 0.0002s elapsed", unreachable,
                     uncollectable);
}

TEST(GcLogReaderTest, ReadsPython27) {
  const GcLog log = ReadText(
                        "gc: collecting generation 2...\n"
                        "gc: objects in each generation: 16 0 3490\n"
                        "gc: collectable <A instance at 0x7f0dd4b6e098>\n"
                        "gc: collectable <dict 0x7f0dd4b6a6e0>\n"
                        "gc: uncollectable <B 0x7f0dd4b6e0d0>\n"
                        "gc: done, 12 unreachable, 4 uncollectable, 0.0007s elapsed.\n"
                        "gc: collecting generation 0...\n"
                        "gc: objects in each generation: 16 0 3490\n"
                        "gc: done, 0.0000s elapsed.\n")
                        .log;
  ASSERT_EQ(log.collections.size(), 2u);
  const GcCollection& first = log.collections[0];
  EXPECT_EQ(first.form, GcTextForm::k27);
  EXPECT_EQ(first.generation, 2);
  EXPECT_EQ(first.before, (Before{16, 0, 3490}));
  EXPECT_EQ(first.permanent, std::nullopt);
  EXPECT_EQ(first.collected, 8u);
  EXPECT_EQ(first.uncollectable, 4u);
  EXPECT_DOUBLE_EQ(first.seconds.value(), 0.0007);
  EXPECT_EQ(log.collections[1].collected, 0u);
  EXPECT_EQ(log.collectable_objects, 2u);
  EXPECT_EQ(log.uncollectable_objects, 1u);
  ASSERT_EQ(log.types.size(), 3u);
  EXPECT_EQ(log.types[0].name, "A");
  EXPECT_EQ(log.types[2].uncollectable, 1u);
  EXPECT_EQ(log.unparsed, 0u);
}

TEST(GcLogReaderTest, FourGenerationsAreNotUnderstood) {
  const GcLog log = ReadText(Block(0, "1 2 3 4", Done(0))).log;
  EXPECT_EQ(log.collections[0].before, std::nullopt);
  EXPECT_EQ(log.unparsed, 2u);  // without counts the permanent generation has no place either
}

TEST(GcLogReaderTest, TellsFormsApart) {
  const std::string old =
      "gc: collecting generation 0...\ngc: objects in each generation: 700 0 3490\n"
      "gc: done, 0.0000s elapsed\n";
  EXPECT_EQ(ReadText(old).log.collections[0].form, GcTextForm::k34To36);
  const auto form = [](const std::string& done) {
    return ReadText(Block(0, "700 0 3490", done)).log.collections[0].form;
  };
  EXPECT_EQ(form("gc: done, 0.0000s elapsed"), GcTextForm::k37);
  EXPECT_EQ(form(Done(0)), GcTextForm::k38OrLater);
  EXPECT_EQ(form(Done(3)), GcTextForm::k37OrLater);
}

TEST(GcLogReaderTest, NeighboursTellWhatOneBlockDoesNot) {
  const GcLog log = ReadText(Block(0, "700 0 9", Done(3)) + Block(0, "700 0 9", Done(0)) +
                             Block(0, "700 0 9", Done(4)))
                        .log;
  for (const GcCollection& collection : log.collections) {
    EXPECT_EQ(collection.form, GcTextForm::k38OrLater) << collection.number;
  }
}

TEST(GcLogReaderTest, ReadsTheIncrementalCollectorWithoutLastLines) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    text += Block(1, "1394 5072 248", "");
    text += fmt::format("gc: collectable <dict 0x{:x}>\n", 0x1000 + i);
  }
  const Read read = ReadText(text);
  ASSERT_EQ(read.log.collections.size(), 100u);
  for (const GcCollection& collection : read.log.collections) {
    EXPECT_EQ(collection.form, GcTextForm::k314Unfinished);
    EXPECT_EQ(collection.before, (Before{1394, 5072, 248}));
    EXPECT_EQ(collection.collected, std::nullopt);
    EXPECT_EQ(collection.seconds, std::nullopt);
    EXPECT_FALSE(collection.is_ambiguous);
  }
  EXPECT_TRUE(read.log.writers[0].is_incremental);
  ASSERT_EQ(read.objects.size(), 100u);
  for (std::size_t i = 0; i < read.objects.size(); ++i) {
    EXPECT_EQ(read.objects[i].collection, i + 1);
  }
}

TEST(GcLogReaderTest, KnowsTheIncrementalCollectorByItsHabits) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += Block(1, "1394 5072 248", Done(0));
  EXPECT_TRUE(ReadText(text).log.writers[0].is_incremental);
  EXPECT_FALSE(ReadText(Block(0, "700 0 3", Done(0)) + text).log.writers[0].is_incremental);
}

TEST(GcLogReaderTest, AKilledCollectionIsNoIncrementalOne) {
  const GcLog log = ReadText(Block(0, "700 0 9", Done(0)) + Block(2, "700 0 9", "")).log;
  EXPECT_EQ(log.collections[1].form, GcTextForm::k38OrLater);
  EXPECT_EQ(log.collections[1].collected, std::nullopt);
  EXPECT_FALSE(log.writers[0].is_incremental);
}

TEST(GcLogReaderTest, ABlockThatAKillLeftOpenTakesNothing) {
  const GcLog log = ReadText(Block(0, "700 0 9", Done(1)) + Block(2, "700 0 9", "") +
                             Block(2, "100 0 9", Done(7)) + Block(2, "100 0 9", Done(8)))
                        .log;
  EXPECT_EQ(log.collections[1].collected, std::nullopt);
  EXPECT_EQ(log.collections[2].collected, 7u);
  EXPECT_EQ(log.collections[3].collected, 8u);
}

TEST(GcLogReaderTest, OtherTextMayStandBetween) {
  const GcLog log = ReadText("starting\n" + Block(0, "700 0 9", "") + "a request\r\n\n" + Done(3) +
                             "\ngc: what is this\ntrace_gc: done, 4 of 5\nlogc: done\n")
                        .log;
  ASSERT_EQ(log.collections.size(), 1u);
  EXPECT_EQ(log.collections[0].collected, 3u);
  EXPECT_EQ(log.lines, 10u);
  EXPECT_EQ(log.other_lines, 2u);
  EXPECT_EQ(log.unparsed, 1u);
}

TEST(GcLogReaderTest, PiecesMayBeCutAnywhere) {
  const std::string text =
      "[1] " + Block(0, "700 1 9", "") + "gc: collectable <dict 0x12>\r\n" + Done(3, 1);
  for (std::size_t step = 1; step < 40; ++step) {
    const Read read = ReadText(text, false, step);
    ASSERT_EQ(read.log.collections.size(), 1u);
    EXPECT_EQ(read.log.collections[0].before, (Before{700, 1, 9}));
    EXPECT_EQ(read.log.collections[0].collected, 2u);
    ASSERT_EQ(read.objects.size(), 1u);
    EXPECT_EQ(read.objects[0].collection, 1u);
    EXPECT_EQ(read.log.unparsed, 0u);
  }
}

TEST(GcLogReaderTest, PrefixesTellWritersApart) {
  const auto block = [](const std::string& who, int generation, int unreachable) {
    return std::vector<std::string>{
        fmt::format("2026-11-25T10:00:0{}Z [{}] gc: collecting generation {}...\n", generation, who,
                    generation),
        fmt::format("2026-11-25T10:00:04Z [{}] gc: objects in each generation: 700 {} 9\n", who,
                    unreachable),
        fmt::format("2026-11-25T10:00:05Z [{}] gc: objects in permanent generation: 0\n", who),
        fmt::format("2026-11-25T10:00:06Z [{}] {}\n", who, Done(unreachable))};
  };
  const auto a = block("11", 0, 5);
  const auto b = block("12", 1, 6);
  std::string text;
  for (std::size_t i = 0; i < a.size(); ++i) text += i % 2 == 0 ? a[i] + b[i] : b[i] + a[i];
  const GcLog log = ReadText(text).log;
  ASSERT_EQ(log.collections.size(), 2u);
  ASSERT_EQ(log.writers.size(), 2u);
  EXPECT_EQ(log.writers[0].prefix, "@ [11]");
  EXPECT_DOUBLE_EQ(*log.writers[0].last_time - *log.writers[0].first_time, 6);
  EXPECT_EQ(log.collections[0].collected, 5u);
  EXPECT_EQ(log.collections[0].before, (Before{700, 5, 9}));
  EXPECT_EQ(log.collections[1].collected, 6u);
  EXPECT_EQ(log.collections[1].writer, 1u);
  for (const GcCollection& collection : log.collections) EXPECT_FALSE(collection.is_ambiguous);
}

TEST(GcLogReaderTest, ReadsDockersJson) {
  const auto line = [](const std::string& text) {
    return R"({"log":")" + text + R"(\n","stream":"stderr","time":"2026-11-25T10:00:01.5Z"})" +
           "\n";
  };
  const GcLog log = ReadText(line("gc: collecting generation 2...") +
                             line("gc: objects in each generation: 1 2 3") +
                             line("gc: objects in permanent generation: 4") +
                             line("gc: collectable <dict 0x12>") + line(Done(2)))
                        .log;
  ASSERT_EQ(log.collections.size(), 1u);
  EXPECT_EQ(log.collections[0].permanent, 4u);
  EXPECT_EQ(log.collections[0].collected, 2u);
  EXPECT_DOUBLE_EQ(log.writers[0].first_time.value(), 1795600801.5);
  EXPECT_EQ(log.unparsed, 0u);
  EXPECT_EQ(log.other_lines, 0u);
}

TEST(GcLogReaderTest, TextWithoutAnEndOfLineIsNoPrefix) {
  // A progress bar, then the same before the last line of a block.
  const GcLog log =
      ReadText(Block(0, "700 0 9", Done(1)) + " 10%|#  \r 20%|##" + Block(1, "700 0 9", "") +
               "half a line" + Done(2) + "\nmore half a line" + Block(0, "700 0 9", Done(3)))
          .log;
  ASSERT_EQ(log.writers.size(), 1u);
  EXPECT_EQ(log.writers[0].prefix, "");
  ASSERT_EQ(log.collections.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(log.collections[i].collected, i + 1);
    EXPECT_EQ(log.collections[i].before, (Before{700, 0, 9}));
    EXPECT_FALSE(log.collections[i].is_ambiguous);
  }
  EXPECT_EQ(log.unparsed, 0u);
}

TEST(GcLogReaderTest, WritersWithoutAPrefixKeepTheirSums) {
  // Two processes; the full collection of one lasts over two of the other.
  const GcLog log = ReadText(
                        "gc: collecting generation 2...\ngc: objects in each generation: 5 6 9000\n"
                        "gc: objects in permanent generation: 0gc: collecting generation 0...\n"
                        "\ngc: objects in each generation: 700 0 9\n"
                        "gc: objects in permanent generation: 0\n" +
                        Done(5) + "\n" + Block(0, "700 8 9", Done(6)) + Done(4000) + "\n")
                        .log;
  ASSERT_EQ(log.collections.size(), 3u);
  EXPECT_EQ(log.collections[0].collected, 4000u);
  EXPECT_EQ(log.collections[1].collected, 5u);
  EXPECT_EQ(log.collections[2].collected, 6u);
  EXPECT_TRUE(log.collections[0].is_ambiguous);
  EXPECT_EQ(log.unparsed, 0u);
}

// Two processes of 2.7 in one file, as they wrote it: the numbers of both counts came mixed, so
// that the last one is left over in front of "gc: done".
TEST(GcLogReaderTest, AnEndBehindANumberThatIsLeftOverIsAnEnd) {
  const GcLog log =
      ReadText(
          "gc: collecting generation 0...\ngc: collecting generation 1...\n"
          "gc: objects in each generation:gc: objects in each generation: 2 26 0 1 3653\n"
          " 3644gc: done\n, 0.0000s elapsed.\ngc: done, 24 unreachable, 0 uncollectable, 0.0000s "
          "elapsed.\n" +
          Block(0, "1 2 3", Done(1)) + Block(1, "1 2 3", Done(1)))
          .log;
  ASSERT_EQ(log.collections.size(), 4u);
  for (const auto& collection : log.collections) EXPECT_TRUE(collection.collected);
  EXPECT_EQ(log.writers.size(), 1u);
}

TEST(GcLogReaderTest, WhatWasFoundIsKeptWhereOtherTextCutsIt) {
  const GcLog log = ReadText(
                        "gc: collecting generation 2...\n"
                        "gc: objects in each generation: 22 1gc: collecting generation 0...\n"
                        "gc: objects in each generation: 16 1 2\n"
                        "gc: done, 16 unreachable, 0 uncollectableend of the program\n"
                        ", 0.0000s elapsed.\n"
                        "gc: done, 4 unreachable, 0 uncollectable, 0.1s elapsed.\n")
                        .log;
  ASSERT_EQ(log.collections.size(), 2u);
  std::vector<std::uint64_t> found;
  for (const auto& collection : log.collections) found.push_back(collection.collected.value_or(0));
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<std::uint64_t>{4, 16}));
}

TEST(GcLogReaderTest, FindsTheRestOfNumbersThatWereWrittenOneByOne) {
  const GcLog log = ReadText(
                        "gc: collecting generation 2...\n"
                        "gc: objects in each generation: 16gc: collecting generation 0...\n"
                        " 0gc: objects in each generation: 700 1 2\n"
                        " 3490\n"
                        "gc: done, 0.0001s elapsed.\ngc: done, 3000 unreachable, 0 uncollectable, "
                        "0.1s elapsed.\n")
                        .log;
  ASSERT_EQ(log.collections.size(), 2u);
  EXPECT_EQ(log.unparsed, 0u);
  std::vector<Before> counts = {*log.collections[0].before, *log.collections[1].before};
  std::sort(counts.begin(), counts.end());
  EXPECT_EQ(counts, (std::vector<Before>{{16, 0, 3490}, {700, 1, 2}}));
}

// Up to 3.8 stderr is buffered: chunks of several writers, cut anywhere.
TEST(GcLogReaderTest, FindsTheRestOfCutMessages) {
  const std::string a = Block(2, "5 6 9000", Done(4000)) + Block(0, "50 6 9000", Done(30));
  const std::string b = Block(0, "700 0 9", Done(5));
  const std::string many = b + b + b + b;
  std::size_t cases = 0;
  std::size_t losses = 0;
  for (std::size_t at = 1; at < a.size(); ++at) {
    for (std::size_t to = b.size(); to < 2 * b.size(); to += 5) {
      const GcLog log =
          ReadText(a.substr(0, at) + many.substr(0, to) + a.substr(at) + many.substr(to)).log;
      std::uint64_t collected = 0;
      std::size_t begun = 0;
      for (const GcCollection& collection : log.collections) {
        collected += collection.collected.value_or(0);
        begun += collection.generation ? 1 : 0;
      }
      ++cases;
      const bool is_right = collected == 4050 && begun == 6 && log.unparsed == 0;
      losses += is_right ? 0 : 1;
      EXPECT_LE(log.collections.size(), 7u);
    }
  }
  // Both writers cut inside of a mark, or a number that goes on with the other's digits.
  EXPECT_LT(losses, cases / 25) << losses << " of " << cases;
}

TEST(GcLogReaderTest, CutsTheExit) {
  const std::string text = Block(2, "5 6 900", Done(0)) + "bye\n" + Block(2, "5 6 900", "") +
                           "gc: collectable <module 0x1>\n" + Done(1) + "\n" +
                           Block(2, "0 0 800", "") + "gc: collectable <type 0x2>\n" + Done(1) +
                           "\n" + Block(2, "0 0 300", Done(20));
  for (const std::string& log : {text, text.substr(text.find("bye\n") + 4)}) {
    const Read cut = ReadText(log);
    EXPECT_EQ(cut.log.collections.size(), log == text ? 1u : 0u);
    EXPECT_EQ(cut.log.shutdown_collections, 3u);
    EXPECT_EQ(cut.log.shutdown_objects, 2u);
    EXPECT_EQ(cut.log.collectable_objects, 0u);
    EXPECT_TRUE(cut.objects.empty());
  }
  const Read kept = ReadText(text, true);
  ASSERT_EQ(kept.log.collections.size(), 4u);
  EXPECT_FALSE(kept.log.collections[0].is_shutdown);
  for (int i = 1; i < 4; ++i) EXPECT_TRUE(kept.log.collections[i].is_shutdown);
  ASSERT_EQ(kept.objects.size(), 2u);
  EXPECT_EQ(kept.objects[1].collection, 3u);
}

TEST(GcLogReaderTest, CutsTheExitOfPython27) {
  const std::string block =
      "gc: collecting generation 2...\ngc: objects in each generation: 33 0 3603\n"
      "gc: done, 33 unreachable, 0 uncollectable, 0.0005s elapsed.\n";
  EXPECT_EQ(ReadText("hello\n" + block + block).log.shutdown_collections, 1u);
  EXPECT_EQ(ReadText(block + block).log.shutdown_collections, 0u);
  EXPECT_EQ(ReadText("hello\n" + block + "bye\n").log.shutdown_collections, 0u);
}

TEST(GcLogReaderTest, KeepsLastCollectionsThatNothingTellsToBeTheExit) {
  std::string text = "hello\n";
  for (int i = 0; i < 5; ++i) {
    text += Block(2, "0 0 900", "") + "gc: collectable <A 0x1>\n" + Done(1) + "\n";
  }
  const Read read = ReadText(text);
  EXPECT_EQ(read.log.collections.size(), 5u);
  EXPECT_EQ(read.log.collectable_objects, 5u);
  EXPECT_EQ(read.log.shutdown_collections, 0u);
}

TEST(GcLogReaderTest, ReadsWhatStoodInGarbageAtTheEnd) {
  const GcLog log = ReadText(Block(2, "5 6 900", Done(2, 2)) +
                             "gc:0: ResourceWarning: gc: 2 uncollectable objects at shutdown\n"
                             "      [<X 'first'>, <X 'second'>]\n")
                        .log;
  EXPECT_EQ(log.uncollectable_at_shutdown, 2u);
  EXPECT_EQ(log.other_lines, 0u);
  EXPECT_EQ(log.shutdown_collections, 1u);
}

TEST(GcLogReaderTest, ReadsObjectsWithoutStatistics) {
  const Read read = ReadText("work\ngc: collectable <A 0x1>\nhalfgc: uncollectable <B 0x2>\n");
  EXPECT_TRUE(read.log.collections.empty());
  EXPECT_TRUE(read.log.writers.empty());
  ASSERT_EQ(read.objects.size(), 2u);
  EXPECT_EQ(read.objects[0].collection, std::nullopt);
  EXPECT_FALSE(read.objects[1].is_collectable);
}

TEST(GcLogReaderTest, BeginsInTheMiddleOfABlock) {
  const GcLog log =
      ReadText("gc: objects in each generation: 5 6 900\n" + Done(3) + "\n" + Done(4)).log;
  ASSERT_EQ(log.collections.size(), 2u);
  EXPECT_EQ(log.collections[0].generation, std::nullopt);
  EXPECT_EQ(log.collections[0].before, (Before{5, 6, 900}));
  EXPECT_EQ(log.collections[0].collected, 3u);
  EXPECT_EQ(log.collections[1].before, std::nullopt);
  EXPECT_EQ(log.collections[1].collected, 4u);
}

TEST(GcLogReaderTest, LongLinesAreCut) {
  GcLogReader reader(false);
  const std::string chunk(1 << 20, 'x');
  for (int i = 0; i < 20; ++i) reader.Feed(chunk);
  reader.Feed("gc: collecting generation 0...\n" + Block(0, "1 2 3", Done(0)));
  const GcLog log = reader.Finish();
  EXPECT_EQ(log.collections.size(), 1u);
  EXPECT_EQ(log.unparsed, 1u);
}

TEST(GcLogReaderTest, ManyPrefixesBecomeOneWriter) {
  GcLogReader reader(false);
  for (int i = 0; i < 10'000; ++i) {
    reader.Feed(fmt::format("[{}] gc: collecting generation 0...\n", i));
    reader.Feed(fmt::format("[{}] gc: objects in each generation: 1 2 3\n", i));
    reader.Feed(fmt::format("[{}] gc: done, 0.1s elapsed\n", i));
  }
  const GcLog log = reader.Finish();
  EXPECT_EQ(log.collections.size(), 10'000u);
  EXPECT_LE(log.writers.size(), 5000u);
  EXPECT_EQ(log.writers.back().prefix, "(other prefixes)");
  EXPECT_EQ(log.collections.back().before, (Before{1, 2, 3}));
}

TEST(TypeNamesTest, AreBounded) {
  TypeNames names(2000);
  std::uint32_t unnamed = 0;
  for (int i = 0; i < 100; ++i) {
    unnamed += names.Find("type" + std::to_string(i)) == TypeNames::kUnnamed ? 1 : 0;
  }
  EXPECT_GT(unnamed, 80u);
  EXPECT_NE(names.Find("type0"), TypeNames::kUnnamed);
  EXPECT_EQ(names.name(names.Find(std::string(1000, 'x'))), "");
  EXPECT_EQ(TypeNames().Find("a"), 0u);
}

}  // namespace
}  // namespace memwhy::readers
