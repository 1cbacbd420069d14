// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/build_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "model/sites/fake_source.h"

namespace memwhy::model {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

// An address space under construction; everything is resident unless said otherwise.
struct Space {
  MapsPass pass;
  Space() {
    pass.residency_known = true;
    pass.at = "end";
    pass.time = 10;
  }
  Mapping& Map(std::uint64_t begin, std::uint64_t size, const char* permissions, std::string name) {
    Mapping mapping;
    mapping.begin = begin;
    mapping.end = begin + size;
    mapping.permissions = permissions;
    mapping.name = std::move(name);
    const bool is_anonymous = mapping.name.empty() || mapping.name.front() == '[';
    if (permissions[0] != '-') mapping.rss = size;
    if (is_anonymous && mapping.rss > 0) {
      mapping.anonymous = size;
      pass.resident.push_back({begin, begin + size});
    }
    pass.mappings.push_back(mapping);
    return pass.mappings.back();
  }
};

Bytes BytesOf(const Ledger& ledger, const std::string& name) {
  for (const Share& share : ledger.shares) {
    if (share.name == name) return share.bytes;
  }
  return 0;
}
Bytes OwnedOf(const Ledger& ledger, const std::string& name) {
  for (const Share& share : ledger.shares) {
    if (share.name == name) return share.owned;
  }
  return 0;
}

SignedBytes Sum(const Ledger& ledger) {
  SignedBytes sum = ledger.unattributed;
  for (const Share& share : ledger.shares) sum += static_cast<SignedBytes>(share.bytes);
  return sum;
}

Ledger RssOf(const FakeSource& source, const MapsPass& pass) {
  const auto ledgers = BuildLedgers(source, pass).value();
  EXPECT_EQ(ledgers[0].account, "rss");
  EXPECT_EQ(Sum(ledgers[0]), static_cast<SignedBytes>(ledgers[0].total));
  return ledgers[0];
}

TEST(BuildLedgerTest, HeapSplitsIntoInUseAndRetained) {
  FakeSource source;
  Space space;
  space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]");
  source.Malloc(1, kMiB + 16, 1000, source.Stack({"put"}));  // chunk of 1008
  source.Malloc(1, kMiB + 2064, 100, kUnknownStack);         // chunk of 112
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(ledger.total, 64 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "malloc in use"), 1008u + 112u);
  EXPECT_EQ(OwnedOf(ledger, "malloc in use"), 1008u);
  EXPECT_EQ(BytesOf(ledger, "malloc retained"), 64 * kKiB - 1120);
  EXPECT_EQ(OwnedOf(ledger, "malloc retained"), 64 * kKiB - 1120);
  EXPECT_EQ(ledger.unattributed, 0);
}

TEST(BuildLedgerTest, OnlyResidentPartsOfABlockCount) {
  FakeSource source;
  Space space;
  Mapping& heap = space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]");
  heap.rss = 8 * kKiB;
  space.pass.resident = {{kMiB, kMiB + 4 * kKiB}, {kMiB + 60 * kKiB, kMiB + 64 * kKiB}};
  source.Malloc(1, kMiB + 2 * kKiB + 16, 40 * kKiB);
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "malloc in use"), 2 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "malloc retained"), 6 * kKiB);
}

TEST(BuildLedgerTest, ThreadArenaHeapIsFoundByItsReserve) {
  FakeSource source;
  Space space;
  const std::uint64_t heap = 64 * kMiB * 10;
  space.Map(heap, 132 * kKiB, "rw-p", "");
  space.Map(heap + 132 * kKiB, 64 * kMiB - 132 * kKiB, "---p", "");
  source.Malloc(1, heap + 0x8d0, 64, source.Stack({"work"}));
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "malloc in use"), 80u);
  EXPECT_EQ(BytesOf(ledger, "malloc retained"), 132 * kKiB - 80);
}

TEST(BuildLedgerTest, BlockInItsOwnMappingTakesWholePages) {
  FakeSource source;
  Space space;
  space.Map(100 * kMiB, 260 * kKiB, "rw-p", "");
  source.Malloc(1, 100 * kMiB + 16, 256 * kKiB, source.Stack({"read"}));
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "malloc mapped blocks"), 260 * kKiB);
  EXPECT_EQ(OwnedOf(ledger, "malloc mapped blocks"), 260 * kKiB);
}

TEST(BuildLedgerTest, ArenasSplitIntoInUseAndFree) {
  FakeSource source;
  Space space;
  space.Map(100 * kMiB, 3 * kMiB, "rw-p", "");
  space.pass.arenas.push_back({100 * kMiB, 700 * kKiB, 800 * kKiB, 0});
  source.Arena(1, 100 * kMiB, kMiB);
  source.Arena(1, 101 * kMiB, kMiB);  // not in the table that was read
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "pymalloc in use"), 700 * kKiB);
  EXPECT_EQ(OwnedOf(ledger, "pymalloc in use"), 0u);
  EXPECT_EQ(BytesOf(ledger, "pymalloc free in arenas"), 324 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "pymalloc arenas, not read"), kMiB);
  EXPECT_EQ(BytesOf(ledger, "anonymous, seen by no hook"), kMiB);
  EXPECT_EQ(OwnedOf(ledger, "anonymous, seen by no hook"), 0u);
}

TEST(BuildLedgerTest, ObjectBlocksOwnTheirPartOfAnArena) {
  FakeSource source;
  Space space;
  space.Map(100 * kMiB, kMiB, "rw-p", "");
  space.pass.arenas.push_back({100 * kMiB, 700 * kKiB, 800 * kKiB, 0});
  source.Allocate(1, wire::Allocator::kPymemObj, 100 * kMiB + 64, 512, source.Stack({"new"}));
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "pymalloc in use"), 700 * kKiB);
  EXPECT_EQ(OwnedOf(ledger, "pymalloc in use"), 512u);
}

TEST(BuildLedgerTest, NamedMappingsAndStacksAreSystemShares) {
  FakeSource source;
  source.AddThread(ProcessId{0}, 101, "worker");
  source.mutable_recording().threads.back().thread_pointer = 208 * kMiB - 0x940;
  Space space;
  space.Map(10 * kMiB, 100 * kKiB, "r-xp", "/usr/lib/libfoo.so");
  Mapping& data = space.Map(10 * kMiB + 100 * kKiB, 8 * kKiB, "rw-p", "/usr/lib/libfoo.so");
  data.anonymous = 4 * kKiB;
  space.Map(10 * kMiB + 108 * kKiB, 12 * kKiB, "rw-p", "");  // .bss
  space.Map(20 * kMiB, 40 * kKiB, "r-xp", "/opt/memwhy/libmemwhy_agent.so");
  space.Map(21 * kMiB, 50 * kKiB, "rw-s", "/tmp/session/ring.100.12345");
  space.Map(22 * kMiB, 60 * kKiB, "rw-s", "/dev/shm/torch_1");
  space.Map(200 * kMiB, 8 * kMiB + 100 * kKiB, "rw-p", "");  // a stack, and what was merged with it
  space.Map(900 * kMiB, 200 * kKiB, "rw-p", "[stack]");
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "files and libraries"), 104 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "library data"), 16 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "memwhy"), 90 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "shared memory"), 60 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "thread stacks"), 8 * kMiB + 4 * kKiB + 200 * kKiB);
  EXPECT_EQ(BytesOf(ledger, "anonymous, seen by no hook"), 96 * kKiB);
  EXPECT_EQ(ledger.unattributed, 0);
}

TEST(BuildLedgerTest, AgentsMemoryIsTakenOutOfTheMappingAroundIt) {
  FakeSource source;
  source.mutable_recording().processes[0].private_begin = 100 * kMiB;
  source.mutable_recording().processes[0].private_end = 101 * kMiB;
  Space space;
  space.Map(100 * kMiB, 3 * kMiB, "rw-p", "");
  source.Map(1, 101 * kMiB, kMiB, source.Stack({"pool"}));
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "memwhy"), kMiB);
  EXPECT_EQ(OwnedOf(ledger, "mapped by the program"), kMiB);
  EXPECT_EQ(BytesOf(ledger, "anonymous, seen by no hook"), kMiB);
}

TEST(BuildLedgerTest, SharedAnonymousMemoryIsOwnedWhereTheProgramMappedIt) {
  FakeSource source;
  Space space;
  space.Map(100 * kMiB, 3 * kMiB, "rw-s", "/dev/zero (deleted)");
  source.Map(1, 101 * kMiB, kMiB, source.Stack({"share"}));
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "shared memory"), 3 * kMiB);
  EXPECT_EQ(OwnedOf(ledger, "shared memory"), kMiB);
}

TEST(BuildLedgerTest, SkewBetweenSmapsAndPagemapIsUnattributedOrCutFromOutside) {
  FakeSource source;
  source.Malloc(1, kMiB + 16, 4080, source.Stack({"put"}));
  Space space;
  Mapping& heap = space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]");
  heap.rss = 68 * kKiB;  // smaps saw one page more
  EXPECT_EQ(RssOf(source, space.pass).unattributed, static_cast<SignedBytes>(4 * kKiB));
  space.pass.mappings[0].rss = 5 * kKiB;  // pagemap saw far more
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "malloc in use"), 4096u);
  EXPECT_EQ(BytesOf(ledger, "malloc retained"), kKiB);
  EXPECT_EQ(ledger.unattributed, 0);
}

TEST(BuildLedgerTest, WithoutPagemapBlocksCountAsResidentAndTheNoteSaysSo) {
  FakeSource source;
  source.Malloc(1, kMiB + 16, 4080, source.Stack({"put"}));
  Space space;
  space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]").rss = 16 * kKiB;
  space.pass.residency_known = false;
  space.pass.resident.clear();
  const Ledger ledger = RssOf(source, space.pass);
  EXPECT_EQ(BytesOf(ledger, "malloc in use"), 4096u);
  EXPECT_EQ(BytesOf(ledger, "malloc retained"), 12 * kKiB);
  EXPECT_NE(ledger.note, "");
}

TEST(BuildLedgerTest, CgroupLedgerBooksAnonymousMemoryAndLeavesTheRest) {
  FakeSource source;
  OsSample sample;
  sample.time = 9.5;
  sample.cgroup_current = 10 * kMiB;
  source.mutable_recording().os_samples.push_back(sample);
  sample.time = 2;
  sample.cgroup_current = kMiB;
  source.mutable_recording().os_samples.push_back(sample);
  Space space;
  space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]");
  space.Map(10 * kMiB, 100 * kKiB, "r-xp", "/usr/lib/libfoo.so");
  const auto ledgers = BuildLedgers(source, space.pass).value();
  ASSERT_EQ(ledgers.size(), 2u);
  EXPECT_EQ(ledgers[1].account, "cgroup");
  EXPECT_EQ(ledgers[1].total, 10 * kMiB);
  EXPECT_EQ(BytesOf(ledgers[1], "malloc retained"), 64 * kKiB);
  EXPECT_EQ(BytesOf(ledgers[1], "files and libraries"), 0u);
  EXPECT_EQ(ledgers[1].unattributed, static_cast<SignedBytes>(10 * kMiB - 64 * kKiB));
}

// Whatever the pass and the live set say, however they contradict each other.
TEST(BuildLedgerTest, BalancesOverRandomAddressSpacesAndLiveSets) {
  const char* const kNames[] = {"",
                                "[heap]",
                                "[stack]",
                                "/usr/lib/libfoo.so",
                                "/dev/shm/a",
                                "/tmp/ring.100.5",
                                "/memfd:x (deleted)",
                                "[anon:x]"};
  const char* const kPermissions[] = {"rw-p", "r-xp", "---p", "rw-s"};
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    FakeSource source;
    Recording& recording = source.mutable_recording();
    recording.processes[0].private_begin = random() % 4000 * 4096;
    recording.processes[0].private_end =
        recording.processes[0].private_begin + random() % 50 * 4096;
    source.AddThread(ProcessId{0}, 101, "worker");
    recording.threads.back().thread_pointer = random() % 8000 * 2048;
    MapsPass pass;
    pass.time = 10;
    pass.residency_known = seed % 5 != 0;
    std::uint64_t at = 4096;
    for (int i = 0; i < 30; ++i) {
      Mapping mapping;
      mapping.begin = at + random() % 3 * 4096;
      mapping.end = at = mapping.begin + (1 + random() % 200) * 4096;
      mapping.name = kNames[random() % std::size(kNames)];
      mapping.permissions = kPermissions[random() % std::size(kPermissions)];
      mapping.rss = random() % ((mapping.end - mapping.begin) / 4096 + 1) * 4096;
      mapping.anonymous = random() % (mapping.rss + 1);
      pass.mappings.push_back(mapping);
    }
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t begin = random() % 4000 * 4096;
      pass.resident.push_back({begin, begin + random() % 60 * 4096});
    }
    for (int i = 0; i < 5; ++i) {
      pass.arenas.push_back({random() % 4000 * 4096, random() % (2 * kMiB), 0,
                             static_cast<std::uint32_t>(random() % 2)});
    }
    const wire::Allocator kAllocators[] = {wire::Allocator::kMalloc, wire::Allocator::kPymemObj,
                                           wire::Allocator::kPymallocArena};
    for (int i = 0; i < 300; ++i) {
      const std::uint64_t address = random() % (16 * kMiB) / 16 * 16;
      const StackId stack = random() % 3 == 0 ? kUnknownStack : kNoPython;
      if (random() % 10 == 0) {
        source.Map(1, address / 4096 * 4096, random() % (kMiB), stack);
      } else {
        source.Allocate(1, kAllocators[random() % 20 / 9], address,
                        random() % (random() % 20 == 0 ? kMiB : 5000), stack);
      }
    }
    const Ledger ledger = RssOf(source, pass);  // checks the sum
    Bytes total = 0;
    for (const Mapping& mapping : pass.mappings) total += mapping.rss;
    EXPECT_EQ(ledger.total, total);
    EXPECT_GE(ledger.unattributed, 0) << "shares exceed what is resident";
    for (const Share& share : ledger.shares) EXPECT_LE(share.owned, share.bytes) << share.name;
  }
}

TEST(BuildLedgerTest, WithoutAnAgentHeapsAreBookedWholeAndNotOwned) {
  Space space;
  space.Map(kMiB, 64 * kKiB, "rw-p", "[heap]");
  space.Map(100 * kMiB, 64 * kKiB, "rw-p", "");
  const Ledger ledger = BuildRssLedger(RssInput{space.pass, Process{}, {}, {}, BlocksKnown::kNone});
  EXPECT_EQ(BytesOf(ledger, "malloc heap, use not recorded"), 64 * kKiB);
  EXPECT_EQ(OwnedOf(ledger, "malloc heap, use not recorded"), 0u);
  EXPECT_EQ(BytesOf(ledger, "anonymous, not recorded"), 64 * kKiB);
}

}  // namespace
}  // namespace memwhy::model
