// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/event_clock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace memwhy::agent {

Agent g_agent;
std::atomic<std::uint32_t> g_no_slot{0};

namespace {

class EventClockTest : public testing::Test {
 protected:
  EventClockTest() {
    g_agent.ring = &ring_;
    g_agent.clock = wire::ClockKind::kMonotonicNs;  // never behind on another processor
    g_agent.clock_shift = 0;
  }
  ~EventClockTest() override { g_agent.ring = nullptr; }

  std::atomic<std::uint64_t>& word() { return ring_.clock_permit; }
  void Permit(std::uint32_t thread) {
    std::uint64_t before = word().load();
    word().compare_exchange_strong(before, wire::NextPermit(before, thread));
  }
  static std::unique_ptr<ThreadState> Thread(std::uint32_t index) {
    auto thread = std::make_unique<ThreadState>();
    thread->thread_index = index;
    return thread;
  }

 private:
  wire::RingHeader ring_{};
};

TEST_F(EventClockTest, WithoutAPermitEachEventLooksAtTheClock) {
  const auto thread = Thread(0);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t before = TicksBefore();
    EXPECT_GE(EventTicks(*thread), before);
    EXPECT_GE(EventTicks(*thread), before);
  }
  EXPECT_EQ(word().load(), 0u);
}

TEST_F(EventClockTest, APermitLastsForSoManyEventsAndNotOverANewOne) {
  if (!wire::kMayPermit) GTEST_SKIP() << "this processor's order is too weak for permits";
  const auto thread = Thread(3);
  Permit(3);
  const std::uint64_t first = EventTicks(*thread);
  for (std::uint32_t i = 1; i < kMaxStamps; ++i) EXPECT_EQ(EventTicks(*thread), first);
  const std::uint64_t second = EventTicks(*thread);
  EXPECT_GT(second, first);
  EXPECT_EQ(EventTicks(*thread), second);
  const std::uint64_t between = TicksAfter();
  Permit(3);
  EXPECT_GE(EventTicks(*thread), between);
}

TEST_F(EventClockTest, AnEventOfAnotherThreadEndsAPermit) {
  if (!wire::kMayPermit) GTEST_SKIP() << "this processor's order is too weak for permits";
  const auto a = Thread(0);
  const auto b = Thread(1);
  Permit(0);
  const std::uint64_t permit = word().load();
  EventTicks(*a);
  EXPECT_EQ(word().load(), permit);
  const std::uint64_t of_b = EventTicks(*b);
  EXPECT_FALSE(wire::Permits(word().load()));
  EXPECT_NE(word().load(), permit);
  EXPECT_GE(EventTicks(*a), of_b);
}

TEST_F(EventClockTest, NoWordStandsThereTwice) {
  std::vector<std::uint64_t> seen{word().load()};
  for (std::uint32_t i = 0; i < 50; ++i) {
    Permit(i % 2);
    seen.push_back(word().load());
    wire::Revoke(&word());
    seen.push_back(word().load());
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
  EXPECT_LT(seen.back(), wire::kNoPermit);
}

// Two threads hand one block to and fro, with some events of their own between, while a third one
// gives permits to either without looking: the order of the hand-overs is that of their times.
TEST_F(EventClockTest, TimesFollowABlockFromThreadToThread) {
  constexpr int kTurns = 4000;
  std::mutex mutex;
  std::condition_variable moved;
  int turn = 0;
  std::vector<std::uint64_t> times;
  std::atomic<bool> is_over{false};
  const auto work = [&](std::uint32_t index) {
    const auto thread = Thread(index);
    for (int mine = static_cast<int>(index); mine < kTurns; mine += 2) {
      std::unique_lock lock(mutex);
      moved.wait(lock, [&] { return turn == mine; });
      const int events = 1 + mine % 5;
      for (int i = 0; i < events; ++i) times.push_back(EventTicks(*thread));
      times.push_back(EventTicks(*thread));
      ++turn;
      lock.unlock();
      moved.notify_one();
    }
  };
  std::thread recorder([&] {
    for (std::uint32_t i = 0; !is_over.load(); ++i) {
      Permit(i / 7 % 2);
      std::this_thread::yield();
    }
  });
  std::thread a(work, 0);
  std::thread b(work, 1);
  a.join();
  b.join();
  is_over.store(true);
  recorder.join();
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
}

}  // namespace
}  // namespace memwhy::agent
