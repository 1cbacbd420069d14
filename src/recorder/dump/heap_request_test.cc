// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/heap_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "os/process.h"
#include "session/fake_ring.h"
#include "session/temporary_directory.h"

namespace memwhy::recorder {
namespace {

using wire::RequestState;

wire::RingHeader* g_ring = nullptr;

// As the agent does it, but that it answers at once.
void Answer(int) {
  auto expected = static_cast<std::uint32_t>(RequestState::kPosted);
  g_ring->request.state.compare_exchange_strong(expected,
                                                static_cast<std::uint32_t>(RequestState::kFailed));
}

// A thread of ours that waits in a system call stands for the target.
class SleepingThread {
 public:
  explicit SleepingThread(RingMap& ring) {
    g_ring = &ring.header();
    struct sigaction action{};
    action.sa_handler = &Answer;
    action.sa_flags = SA_RESTART;
    sigaction(SIGRTMIN + 5, &action, nullptr);
    if (pipe(ends_) != 0) abort();
    thread_ = std::thread([this] {
      char byte;
      static_cast<void>(read(ends_[0], &byte, 1));
    });
  }
  ~SleepingThread() {
    close(ends_[1]);
    thread_.join();
    close(ends_[0]);
    signal(SIGRTMIN + 5, SIG_DFL);
  }

 private:
  int ends_[2];
  std::thread thread_;
};

class HeapRequestTest : public ::testing::Test {
 protected:
  HeapRequestTest() : path_(directory_ / "ring.100.1") {
    session::FakeRing ring;
    ring.header().pid = static_cast<std::uint32_t>(getpid());
    ring.header().start_ticks = os::ReadProcessStat(fs_, getpid())->start_ticks;
    ring.WriteTo(path_);
    ring_ = *RingMap::Open(path_);
    ring_->header().request.signal = static_cast<std::uint32_t>(SIGRTMIN + 5);
  }
  void SetState(RequestState state) {
    ring_->header().request.state.store(static_cast<std::uint32_t>(state));
  }
  bool CanPost() {
    const auto owner = RingOwner::Prove(fs_, getpid(), *ring_);
    return owner && HeapRequest::Post(fs_, ring_.get(), &*owner, "/nowhere", {});
  }

  RealFileSystem fs_;
  session::TemporaryDirectory directory_;
  std::string path_;
  std::unique_ptr<RingMap> ring_;
};

TEST_F(HeapRequestTest, OneAtATime) {
  EXPECT_TRUE(CanPost());
  SetState(RequestState::kRunning);
  EXPECT_FALSE(CanPost());
}

TEST_F(HeapRequestTest, AnAnswerThatNobodyTakesIsDropped) {
  SetState(RequestState::kDone);
  EXPECT_TRUE(CanPost());
  EXPECT_EQ(ring_->header().request.state.load(),
            static_cast<std::uint32_t>(RequestState::kPosted));
}

TEST_F(HeapRequestTest, WhatAKilledCommandHasPostedIsTakenFirst) {
  SleepingThread target(*ring_);
  SetState(RequestState::kPosted);
  EXPECT_TRUE(CanPost());
}

TEST_F(HeapRequestTest, ATargetThatDoesNotWakeRefuses) {
  ring_->header().request.signal = 0;
  SetState(RequestState::kPosted);
  EXPECT_FALSE(CanPost());
}

TEST_F(HeapRequestTest, AnotherProcessThanTheRingSaysIsNoOwner) {
  EXPECT_TRUE(RingOwner::Prove(fs_, getpid(), *ring_));
  EXPECT_FALSE(RingOwner::Prove(fs_, getppid(), *ring_));
}

TEST_F(HeapRequestTest, AReusedPidIsNoOwner) {
  ring_->header().start_ticks = ring_->header().start_ticks + 1;
  ring_->Refresh();
  EXPECT_FALSE(RingOwner::Prove(fs_, getpid(), *ring_));
  EXPECT_FALSE(RingOwner::Find(fs_, *ring_));
}

TEST_F(HeapRequestTest, ASignalAtItsDefaultIsNotSent) {
  const auto owner = RingOwner::Prove(fs_, getpid(), *ring_);
  ASSERT_TRUE(owner);
  signal(SIGRTMIN + 5, SIG_DFL);
  const WakeOutcome outcome = WakeTarget(fs_, *owner, *ring_);
  EXPECT_FALSE(outcome.was_sent);
  EXPECT_THAT(outcome.obstacle, testing::HasSubstr("back to its default"));
}

TEST_F(HeapRequestTest, AnIgnoredSignalIsNotSent) {
  const auto owner = RingOwner::Prove(fs_, getpid(), *ring_);
  ASSERT_TRUE(owner);
  signal(SIGRTMIN + 5, SIG_IGN);
  EXPECT_THAT(WakeTarget(fs_, *owner, *ring_).obstacle, testing::HasSubstr("ignores"));
  signal(SIGRTMIN + 5, SIG_DFL);
}

}  // namespace
}  // namespace memwhy::recorder
