// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "recorder/ring/drain.h"
#include "recorder/ring/quiet_chunks.h"
#include "recorder/ring/ring_map.h"
#include "session/fake_ring.h"
#include "session/reader.h"
#include "session/temporary_directory.h"

namespace memwhy {
namespace {

using agent::g_agent;
using agent::ThreadState;

// What each thread released, in the order of the session.
class Released : public model::EventVisitor {
 public:
  void OnAcquire(const model::Acquire&) override {}
  void OnRelease(double, model::ProcessId, model::ThreadId, std::uint64_t address) override {
    addresses[address >> 40].push_back(address >> 8 & 0xffffffff);
  }
  void OnUnmap(double, model::ProcessId, model::ThreadId, std::uint64_t, std::uint64_t) override {}
  std::map<std::uint64_t, std::vector<std::uint64_t>> addresses;
};

// Reads and takes back on the test's thread; the agent's side runs in threads of the test.
class QuietThreadsTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kChunks = 32;

  void SetUp() override {
    if (!recorder::CanOrderAllThreads()) GTEST_SKIP() << "the kernel has no barrier over all";
    Open(kChunks);
  }

  void Open(std::uint32_t chunks) {
    const std::string ring = directory_ / fmt::format("ring.100.{}", chunks);
    session::FakeRing(chunks).WriteTo(ring);
    ring_ = *recorder::RingMap::Open(ring);
    session_ = directory_ / fmt::format("{}.mwy", chunks);
    writer_ = *session::SessionWriter::Create(session_);
    drain_ = std::make_unique<recorder::Drain>(ring_.get(), 0);
    quiet_ = std::make_unique<recorder::QuietChunks>(ring_.get(), true);
    auto* base = reinterpret_cast<std::uint8_t*>(&ring_->header());
    g_agent.ring = &ring_->header();
    g_agent.chunks = &ring_->chunk(0);
    g_agent.slots = &ring_->slot(0);
    g_agent.pool = base + wire::PoolOffset(chunks);
    g_agent.chunk_count = chunks;
    g_agent.touched.store(0);
    // The recorder of this test lives as long as the test, however slow the machine.
    ring_->header().recorder_beat_ns.store(std::uint64_t{1} << 62);
  }

  // As EnterThread makes it.
  std::unique_ptr<ThreadState> NewThread(std::uint32_t slot) {
    auto t = std::make_unique<ThreadState>();
    t->thread_index = ring_->header().threads_started.fetch_add(1);
    if (slot == wire::kNoSlot) {
      t->seals_each = true;
    } else {
      t->slot = slot;
      t->is_writing = &g_agent.slots[slot].is_writing;
    }
    return t;
  }
  // A budget that starts at this time is not spent before.
  static constexpr std::uint64_t kNever = UINT64_MAX / 2;

  static void Release(ThreadState& t, std::uint64_t number) {
    const std::uint64_t address = std::uint64_t{t.thread_index} << 40 | number << 8;
    agent::WriteRelease(t, wire::EventKind::kFree, agent::TicksBefore(),
                        reinterpret_cast<const void*>(address));
  }
  void Round() {
    g_agent.wait_budget.Start(kNever);  // on a starved machine a round takes long
    if (quiet_->Want(wire::MonotonicNs()) != 0) {
      ASSERT_TRUE(recorder::OrderAllThreads());
      taken_back_ += quiet_->Seal();
    }
    drain_->Look();
    ASSERT_TRUE(drain_->Collect(writer_.get(), session::TimePrecision::kExact));
    ASSERT_TRUE(writer_->Flush());
    drain_->Release();
    rounds_.fetch_add(1);
  }
  std::map<std::uint64_t, std::vector<std::uint64_t>> ReadBack() {
    writer_.reset();
    const auto session = session::Session::Open(session_);
    EXPECT_EQ((*session)->recording().damage, "");
    Released released;
    EXPECT_TRUE((*session)->Replay(released));
    return released.addresses;
  }
  static std::vector<std::uint64_t> UpTo(std::uint64_t count) {
    std::vector<std::uint64_t> numbers(count);
    for (std::uint64_t i = 0; i < count; ++i) numbers[i] = i;
    return numbers;
  }

  session::TemporaryDirectory directory_;
  std::string session_;
  std::unique_ptr<recorder::RingMap> ring_;
  std::unique_ptr<session::SessionWriter> writer_;
  std::unique_ptr<recorder::Drain> drain_;
  std::unique_ptr<recorder::QuietChunks> quiet_;
  std::size_t taken_back_ = 0;
  std::atomic<std::uint32_t> rounds_{0};
};

TEST_F(QuietThreadsTest, MoreIdleThreadsThanChunks) {
  constexpr std::uint32_t kThreads = 10 * kChunks;
  std::atomic<std::uint32_t> written{0};
  std::vector<std::unique_ptr<ThreadState>> threads;
  for (std::uint32_t i = 0; i < kThreads; ++i) threads.push_back(NewThread(i));
  std::thread target([&] {
    for (auto& t : threads) {
      Release(*t, 0);
      written.fetch_add(1);
    }
    for (auto& t : threads) Release(*t, 1);
    written.fetch_add(1);
  });
  while (written.load() <= kThreads) Round();
  target.join();
  Round();
  Round();
  EXPECT_GE(taken_back_, 2 * kThreads - kChunks);
  EXPECT_EQ(ring_->header().lost_events.load(), 0u);
  const auto found = ReadBack();
  ASSERT_EQ(found.size(), kThreads);
  for (const auto& [thread, numbers] : found) EXPECT_EQ(numbers, UpTo(2)) << thread;
}

// Threads pause at random, some so long that their chunk is taken back, and come back while it is.
TEST_F(QuietThreadsTest, EachEventArrivesOnceAndInOrder) {
  constexpr std::uint32_t kThreads = 48;
  constexpr std::size_t kTakenBack = 300;
  std::atomic<bool> goes_on{true};
  std::vector<std::uint64_t> counts(kThreads);
  std::atomic<std::uint32_t> running{kThreads};
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      // The last one found no slot.
      const auto t = NewThread(i + 1 < kThreads ? i : wire::kNoSlot);
      std::uint64_t number = 0;
      while (goes_on.load()) {
        const std::uint32_t burst = random() % 8 == 0 ? 4000 : random() % 40;
        for (std::uint32_t k = 0; k < burst; ++k) Release(*t, number++);
        const std::uint32_t until = rounds_.load() + random() % 6;
        while (goes_on.load() && rounds_.load() < until) std::this_thread::yield();
      }
      counts[t->thread_index] = number;
      agent::SealChunk(*t);
      running.fetch_sub(1);
    });
  }
  while (running.load() != 0) {
    Round();
    if (taken_back_ >= kTakenBack) goes_on.store(false);
  }
  for (auto& thread : threads) thread.join();
  Round();
  Round();
  EXPECT_EQ(ring_->header().lost_events.load(), 0u);
  const auto found = ReadBack();
  for (std::uint32_t i = 0; i < kThreads; ++i) {
    if (counts[i] != 0) {
      ASSERT_EQ(found.at(i), UpTo(counts[i])) << i;
    }
  }
}

TEST_F(QuietThreadsTest, AThreadThatWritesKeepsItsChunk) {
  const auto t = NewThread(0);
  Release(*t, 0);
  Round();
  // Between MakeRoom and Commit.
  ASSERT_TRUE(agent::MakeRoom(*t, agent::kHotRoom));
  wire::ChunkHeader& chunk = *t->chunk;
  const std::uint32_t mine = chunk.state.load();
  std::vector<std::unique_ptr<ThreadState>> others;
  for (std::uint32_t i = 1; i < kChunks; ++i) {
    others.push_back(NewThread(i));
    Release(*others.back(), 0);
  }
  Round();
  Round();
  EXPECT_EQ(chunk.state.load(), wire::WantedFrom(mine));
  for (std::uint32_t i = 1; i < kChunks; ++i) {
    EXPECT_EQ(wire::StateOf(ring_->chunk(i).state.load()), wire::ChunkState::kFree) << i;
  }
  t->write = agent::PutTag(t->write, wire::EventKind::kThreadEnd);
  t->write = agent::PutTicks(*t, t->write, agent::TicksBefore());
  agent::Commit(*t);
  Release(*t, 1);
  EXPECT_NE(t->chunk, &chunk) << "it was wanted: its owner seals it at its next event";
  Round();
  EXPECT_EQ(ReadBack().at(0), UpTo(2));
}

TEST_F(QuietThreadsTest, NobodyWaitsForWhatOnlyAnIdleThreadCouldGive) {
  quiet_ = std::make_unique<recorder::QuietChunks>(ring_.get(), false);
  std::vector<std::unique_ptr<ThreadState>> threads;
  for (std::uint32_t i = 0; i <= kChunks; ++i) {
    threads.push_back(NewThread(i));
    Release(*threads.back(), 0);
  }
  EXPECT_EQ(ring_->header().lost_events.load(), 1u);
  EXPECT_EQ(ring_->header().waited_ns.load() / 1'000'000'000, 0u);
  agent::SealChunk(*threads[0]);
  Round();
  Release(*threads.back(), 1);
  Round();
  EXPECT_EQ(ring_->header().lost_events.load(), 1u);
  const auto found = ReadBack();
  EXPECT_EQ(found.size(), kChunks + 1);
  EXPECT_EQ(found.at(kChunks), std::vector<std::uint64_t>{1});
}

// Bytes of the pool that are in this process's resident memory.
std::uint64_t ResidentOf(const std::string& ring) {
  std::ifstream maps("/proc/self/smaps");
  std::uint64_t resident = 0;
  bool is_ring = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < 17) {
      is_ring = line.find(ring) != std::string::npos;
    } else if (is_ring && line.rfind("Rss:", 0) == 0) {
      resident += std::stoull(line.substr(4)) << 10;
    }
  }
  return resident;
}

TEST_F(QuietThreadsTest, WhatABurstTouchedLeavesTheResidentMemory) {
  constexpr std::uint32_t kMany = 128;
  Open(kMany);
  const auto t = NewThread(0);
  std::uint64_t number = 0;
  while (ring_->header().chunks_used.load() < kMany - 2) Release(*t, number++);
  const std::uint64_t in_burst = ResidentOf(directory_ / "ring");
  EXPECT_GT(in_burst, std::uint64_t{kMany - 4} * wire::kChunkBytes);
  Round();
  Round();
  // Nothing is in use for a while; the recorder says so, and the next chunk is a low one.
  const std::uint64_t now = wire::MonotonicNs();
  for (std::uint64_t second = 1; second < 10; ++second) quiet_->Want(now + second * 1'000'000'000);
  EXPECT_LE(ring_->header().chunks_needed.load(), kMany);
  agent::SealChunk(*t);
  Round();
  for (std::uint64_t second = 10; second < 20; ++second) quiet_->Want(now + second * 1'000'000'000);
  EXPECT_EQ(ring_->header().chunks_needed.load(), 1u);
  Release(*t, number++);
  EXPECT_LT(ResidentOf(directory_ / "ring"), in_burst / 8);
  Round();
  EXPECT_EQ(ReadBack().at(0), UpTo(number));
}

}  // namespace
}  // namespace memwhy
