// SPDX-License-Identifier: Apache-2.0
#include "session/fold.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <random>
#include <tuple>

#include "model/sites/stats.h"
#include "session/ended_threads.h"
#include "session/reader.h"
#include "session/session_builder.h"
#include "session/temporary_directory.h"

namespace memwhy::session {
namespace {

using SiteName = std::tuple<std::uint32_t, std::uint32_t, int, std::string>;
using Numbers = std::vector<std::uint64_t>;

std::string StackText(const model::StackTree& stacks, model::StackId stack) {
  if (!stacks.has_frames(stack)) return std::to_string(stack.value);
  std::string text;
  for (const model::FrameId frame : stacks.Frames(stack))
    text += stacks.frame(frame).function + ";";
  return text;
}

std::map<SiteName, Numbers> SitesOf(const Session& session, const model::Stats& stats) {
  std::map<SiteName, Numbers> sites;
  for (const model::SiteStats& site : stats.sites) {
    const auto& thread = session.recording().threads[site.key.thread.value];
    Numbers& numbers =
        sites[{site.key.process.value, thread.tid, static_cast<int>(site.key.allocator),
               StackText(session.stacks(), site.key.stack)}];
    for (const model::Amount& amount :
         {site.live, site.at_peak, site.allocated, site.released, site.temporary}) {
      numbers.push_back(amount.bytes);
      numbers.push_back(amount.blocks);
    }
  }
  return sites;
}

Numbers TotalsOf(const model::Stats& stats) {
  Numbers numbers;
  for (const model::Amount& amount :
       {stats.live, stats.peak, stats.allocated, stats.released, stats.temporary}) {
    numbers.push_back(amount.bytes);
    numbers.push_back(amount.blocks);
  }
  for (const std::uint64_t number :
       {stats.unknown_releases, stats.unknown_unmaps, stats.replaced_blocks}) {
    numbers.push_back(number);
  }
  for (const auto& classes : {stats.live_by_size, stats.allocated_by_size}) {
    for (const model::Amount& amount : classes) {
      numbers.push_back(amount.bytes);
      numbers.push_back(amount.blocks);
    }
  }
  return numbers;
}

// A recording of two processes with three threads each; the second is forked by the first.
class RandomSession {
 public:
  explicit RandomSession(unsigned seed) : random_(seed) {}

  void Write(const std::string& path) {
    SessionBuilder builder(path);
    builder.AddProcess(200, 100, 4);
    for (std::uint32_t process = 0; process < 2; ++process) {
      for (std::uint32_t thread = 0; thread < 3; ++thread) {
        StreamEncoder& stream = builder.Stream(process, thread);
        stream.Thread(100 + 100 * process + thread, "worker");
        auto& stacks = stacks_[process][thread];
        const auto code = stream.DefineCode("f", "a.py", "a", 1);
        const auto other = stream.DefineCode("g", "b.py", "b", 1);
        const auto root = stream.DefineNode(wire::kStackNone, code);
        stacks = {wire::kStackNone, wire::kStackUnknown, root, stream.DefineNode(root, other)};
      }
    }
    double now = 0.5;
    bool has_forked = false;
    for (int i = 0; i < 2000; ++i) {
      now += 0.004;
      if (!has_forked && now >= 4) {
        has_forked = true;
        builder.Stream(0, 0).Fork(At(now), 200);
        held_[1] = held_[0];
        now += 0.001;
      }
      const std::uint32_t process = has_forked ? Pick(2) : 0;
      Step(At(now), process, builder.Stream(process, Pick(3)));
      if (i % 97 == 0) {
        ASSERT_TRUE(builder.WriteBlock());
      }
    }
    builder.process_ends.push_back({1, At(7), "exit:0"});
    builder.end.emplace();
    builder.end->monotonic_ns = At(10);
    builder.end->ended = "exit:0";
    ASSERT_TRUE(builder.Write());
  }

 private:
  std::uint32_t Pick(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  void Step(std::uint64_t time, std::uint32_t process, StreamEncoder& stream) {
    // A process that has ended does nothing.
    if (process == 1 && time >= At(7)) return;
    auto& held = held_[process];
    const std::uint32_t stack = Pick(4);
    switch (Pick(9)) {
      case 0:
      case 1:
      case 2: {
        const std::uint64_t address = 0x10000 + 16ull * Pick(4000);
        if (held.contains(address)) break;
        held[address] = true;
        stream.Allocate(time, wire::Allocator::kMalloc, address, Pick(5000), stack);
        if (Pick(3) == 0) {  // temporary, now or at the thread's next event
          stream.Free(time, address);
          held.erase(address);
        }
        break;
      }
      case 3:
      case 4:
        if (held.empty()) break;
        stream.Free(time, Any(&held));
        break;
      case 5: {
        if (held.empty()) break;
        const std::uint64_t old = Any(&held);
        const std::uint64_t address = 0x10000 + 16ull * Pick(4000);
        if (held.contains(address)) {
          held[old] = true;
          break;
        }
        held[address] = true;
        stream.Realloc(time, old, time + 1000, address, Pick(9000), stack);
        break;
      }
      case 6: {
        const std::uint64_t address = 0x10000000 + 0x1000ull * Pick(500);
        stream.Allocate(time, wire::Allocator::kMmap, address, 0x1000ull * (1 + Pick(40)), stack);
        break;
      }
      case 7:
        stream.Unmap(time, 0x10000000 + 0x1000ull * Pick(500), 0x1000ull * (1 + Pick(8)));
        break;
      default:
        stream.Free(time, 0x900000 + 16ull * Pick(100));  // born before the recording
    }
  }

  std::uint64_t Any(std::map<std::uint64_t, bool>* held) {
    auto it = std::next(held->begin(), Pick(static_cast<std::uint32_t>(held->size())));
    const std::uint64_t address = it->first;
    held->erase(it);
    return address;
  }

  std::mt19937 random_;
  std::vector<std::uint32_t> stacks_[2][3];
  std::map<std::uint64_t, bool> held_[2];
};

void FoldInPlace(const std::string& path, std::uint64_t until_ns) {
  const auto folded = Fold(path, {until_ns, UINT64_MAX, "--aggregate"});
  ASSERT_TRUE(folded) << folded.error().message();
  ASSERT_EQ(rename((path + "/" + kFoldedFile).c_str(), (path + "/" + kBlocksFile).c_str()), 0);
}

TEST(FoldTest, SumsStayTheSameWhereverASessionIsFolded) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    TemporaryDirectory directory;
    const std::string path = directory / "s.mwy";
    RandomSession(seed).Write(path);
    auto whole = Session::Open(path);
    ASSERT_TRUE(whole);
    const auto expected = model::ComputeStats(**whole, {});
    ASSERT_TRUE(expected);
    const auto expected_sites = SitesOf(**whole, *expected);
    ASSERT_GT(expected->unknown_releases, 0u);

    std::mt19937 random(seed);
    std::vector<std::uint64_t> cuts;
    for (int i = 0; i < 3; ++i) cuts.push_back(At(0.4) + random() % 8'500'000'000u);
    std::sort(cuts.begin(), cuts.end());
    if (seed % 4 == 0) cuts.push_back(UINT64_MAX);
    for (const std::uint64_t cut : cuts) {
      ASSERT_NO_FATAL_FAILURE(FoldInPlace(path, cut));
      auto session = Session::Open(path);
      ASSERT_TRUE(session);
      ASSERT_EQ((*session)->recording().damage, "");
      ASSERT_TRUE((*session)->recording().folded);
      const auto stats = model::ComputeStats(**session, {});
      ASSERT_TRUE(stats);
      EXPECT_EQ(TotalsOf(*stats), TotalsOf(*expected)) << "seed " << seed << " cut " << cut;
      EXPECT_NEAR(stats->peak_at, expected->peak_at, 1e-6);
      ASSERT_EQ(SitesOf(**session, *stats), expected_sites) << "seed " << seed << " cut " << cut;
    }
  }
}

TEST(FoldTest, ARangeBehindTheCutIsTheSame) {
  for (unsigned seed = 100; seed < 110; ++seed) {
    TemporaryDirectory directory;
    const std::string path = directory / "s.mwy";
    RandomSession(seed).Write(path);
    auto whole = Session::Open(path);
    ASSERT_TRUE(whole);
    const auto expected = model::ComputeStats(**whole, {5.0, 6.5});
    ASSERT_TRUE(expected);
    const auto expected_sites = SitesOf(**whole, *expected);
    FoldInPlace(path, At(4.5));
    auto session = Session::Open(path);
    ASSERT_TRUE(session);
    const auto stats = model::ComputeStats(**session, {5.0, 6.5});
    ASSERT_TRUE(stats);
    EXPECT_EQ(SitesOf(**session, *stats), expected_sites);
    // Within the folded part nothing can be told apart: the range begins at its end.
    const auto clamped = model::ComputeStats(**session, {1.0, 6.5});
    ASSERT_TRUE(clamped);
    EXPECT_DOUBLE_EQ(clamped->from, (*session)->recording().folded->until);
  }
}

TEST(FoldTest, TheSizeDoesNotGrowWithTheEvents) {
  std::uint64_t sizes[2];
  for (const int rounds : {2'000, 200'000}) {
    TemporaryDirectory directory;
    const std::string path = directory / "s.mwy";
    SessionBuilder builder(path);
    StreamEncoder& stream = builder.Stream(0, 0);
    stream.Thread(100, "MainThread");
    const auto stack = stream.DefineNode(wire::kStackNone, stream.DefineCode("f", "a.py", "a", 1));
    std::mt19937 random(1);
    for (int i = 0; i < rounds; ++i) {
      const std::uint64_t time = At(1) + static_cast<std::uint64_t>(i) * 1000;
      stream.Allocate(time, wire::Allocator::kMalloc, 0x1000 + 16 * (random() % 1000), 32, stack);
      stream.Free(time + 10, 0x1000 + 16 * (random() % 1000));
      if (i % 1000 == 0) {
        ASSERT_TRUE(builder.WriteBlock());
      }
    }
    const auto written = builder.Write();
    ASSERT_TRUE(written) << written.error().message();
    FoldInPlace(path, UINT64_MAX);
    struct stat status{};
    ASSERT_EQ(stat((path + "/" + kBlocksFile).c_str(), &status), 0);
    sizes[rounds == 200'000] = static_cast<std::uint64_t>(status.st_size);
  }
  EXPECT_LT(sizes[1], sizes[0] * 12 / 10);
}

std::map<std::string, Numbers> SumsByStack(const Session& session, const model::Stats& stats) {
  std::map<std::string, Numbers> sums;
  for (const auto& [name, numbers] : SitesOf(session, stats)) {
    Numbers& sum = sums[std::get<3>(name)];
    sum.resize(numbers.size());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += numbers[i];
  }
  return sums;
}

TEST(FoldTest, AThreadPerRequestDoesNotMakeItGrow) {
  TemporaryDirectory directory;
  const std::string path = directory / "s.mwy";
  SessionBuilder builder(path);
  constexpr std::uint32_t kThreads = 1500;
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    StreamEncoder& stream = builder.Stream(0, i);
    const std::uint64_t time = At(1) + i * 1'000'000ull;
    stream.Thread(1000 + i, "request");
    const auto code = stream.DefineCode("handle", "a.py", "a", 10);
    const auto root = stream.DefineNode(wire::kStackNone, code);
    const auto stack =
        stream.DefineNode(root, stream.DefineCode(i % 2 == 0 ? "f" : "g", "a.py", "a", 20));
    stream.Allocate(time, wire::Allocator::kMalloc, 0x10000 + 64 * i, 10 + i % 7, stack);
    stream.Allocate(time + 10, wire::Allocator::kMalloc, 0x900000 + 64 * i, 100, root);
    stream.Free(time + 20, 0x900000 + 64 * i);
    if (i + 1 < kThreads) stream.ThreadEnd(time + 30);
  }
  ASSERT_TRUE(builder.Write());
  auto whole = Session::Open(path);
  ASSERT_TRUE(whole);
  const auto before = model::ComputeStats(**whole, {});
  ASSERT_TRUE(before);
  for (const std::uint64_t cut : {At(1.7), At(2.2), std::uint64_t{UINT64_MAX}}) {
    FoldInPlace(path, cut);
    auto session = Session::Open(path);
    ASSERT_TRUE(session);
    EXPECT_EQ((*session)->recording().damage, "");
    const auto after = model::ComputeStats(**session, {});
    ASSERT_TRUE(after);
    EXPECT_EQ(TotalsOf(*after), TotalsOf(*before));
    EXPECT_EQ(SumsByStack(**session, *after), SumsByStack(**whole, *before));
  }
  auto session = Session::Open(path);
  ASSERT_TRUE(session);
  EXPECT_LE((*session)->recording().threads.size(), kEndedThreadsKept + 2);
  EXPECT_EQ((*session)->recording().threads.back().name, kEndedThreadsName);
}

TEST(FoldTest, AFoldedSessionGoesOn) {
  TemporaryDirectory directory;
  const std::string path = directory / "s.mwy";
  auto writer = SessionWriter::Create(path);
  ASSERT_TRUE(writer);
  SessionFact session;
  session.monotonic_ns = kOriginNs;
  ProcessFact process;
  process.pid = 100;
  process.clock_kind = 2;
  process.clock = {kOriginNs, kOriginNs};
  ASSERT_TRUE((*writer)->AddFact(ToJson(session)));
  ASSERT_TRUE((*writer)->AddFact(ToJson(process)));
  StreamEncoder stream(kOriginNs);
  const auto add = [&] {
    const std::uint64_t offset = stream.offset();
    const auto bytes = stream.Take();
    ASSERT_TRUE((*writer)->AddPiece(0, 0, offset, bytes));
    ASSERT_TRUE((*writer)->Flush());
  };
  stream.Thread(100, "MainThread");
  const auto stack = stream.DefineNode(wire::kStackNone, stream.DefineCode("f", "a.py", "a", 1));
  stream.Allocate(At(1), wire::Allocator::kMalloc, 0x1000, 100, stack);
  stream.Allocate(At(2), wire::Allocator::kMalloc, 0x2000, 50, stack);
  add();
  const std::uint64_t seen = (*writer)->bytes_written();
  stream.Allocate(At(3), wire::Allocator::kMalloc, 0x3000, 50, stack);  // same size, same stack
  add();
  ASSERT_TRUE(Fold(path, {At(1.5), seen, "--keep 1s"}));
  stream.Free(At(4), 0x1000);
  add();
  ASSERT_TRUE((*writer)->MoveTo(kFoldedFile, seen));
  stream.Free(At(5), 0x2000);
  add();
  EXPECT_NE(access((path + "/" + kFoldedFile).c_str(), F_OK), 0);

  auto opened = Session::Open(path);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->recording().damage, "");
  const auto stats = model::ComputeStats(**opened, {});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->live, (model::Amount{50, 1}));
  EXPECT_EQ(stats->allocated, (model::Amount{200, 3}));
  EXPECT_EQ(stats->peak, (model::Amount{200, 3}));
  ASSERT_EQ(stats->sites.size(), 1u);
  EXPECT_EQ((*opened)->stacks().leaf(stats->sites[0].key.stack).function, "f");
}

}  // namespace
}  // namespace memwhy::session
