// SPDX-License-Identifier: Apache-2.0
#include "govern/pressure/controller.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "govern/pressure/controller_json.h"

namespace memwhy::govern {
namespace {

ControllerConfig OneSignal() {
  ControllerConfig config;
  config.signals = {{"memory", true}};
  config.floor = 2;
  config.ceiling = 40;
  config.safe = 4;
  return config;
}

// Feeds one signal of limit 100, one tick a second.
class Bench {
 public:
  explicit Bench(ControllerConfig config) : controller_(std::move(config)) {}
  Decision At(std::optional<double> used, std::optional<std::int64_t> running = std::nullopt) {
    TickInput input;
    input.t_ms = t_ms_;
    t_ms_ += 1000;
    input.readings = {{used, used ? std::optional<double>(100) : std::nullopt}};
    input.running = running;
    return controller_.Tick(input);
  }
  Controller& controller() { return controller_; }

 private:
  Controller controller_;
  std::int64_t t_ms_ = 0;
};

TEST(ForecastTest, LineIsFollowedAndNoiseIsNot) {
  std::deque<Sample> line, noise;
  std::mt19937 random(7);
  for (int i = 0; i < 10; ++i) {
    line.push_back({i * 1000, 50.0 + 2 * i});
    noise.push_back({i * 1000, 50.0 + static_cast<double>(random() % 100) / 10});
  }
  ASSERT_TRUE(SecondsToLimit(line, 10'000, 100));
  EXPECT_NEAR(*SecondsToLimit(line, 10'000, 100), 16, 1e-6);
  EXPECT_FALSE(SecondsToLimit(noise, 10'000, 100));
  EXPECT_FALSE(SecondsToLimit({line.begin(), line.begin() + 3}, 10'000, 100));
}

TEST(ControllerTest, NothingHappensBelowTheMarks) {
  Bench bench(OneSignal());
  for (int i = 0; i < 100; ++i) {
    const Decision decision = bench.At(50, 40);
    EXPECT_EQ(decision.level, Level::kNormal);
    EXPECT_EQ(decision.limit, 40);
    EXPECT_EQ(decision.act, "hold");
  }
}

TEST(ControllerTest, StepAboveTheShedMarkCutsInTheSameTick) {
  Bench bench(OneSignal());
  bench.At(50, 30);
  const Decision decision = bench.At(94, 30);
  EXPECT_EQ(decision.level, Level::kShed);
  EXPECT_EQ(decision.act, "cut");
  EXPECT_EQ(decision.limit, 25);          // 30 * 0.80 / 0.94
  EXPECT_EQ(bench.At(94, 30).limit, 25);  // drains: no second cut at once
}

TEST(ControllerTest, EmergencyStopsAtTheFloorAndRefuses) {
  Bench bench(OneSignal());
  const Decision decision = bench.At(98, 30);
  EXPECT_EQ(decision.act, "stop");
  EXPECT_EQ(decision.limit, 2);
  EXPECT_TRUE(decision.refuses);
}

TEST(ControllerTest, ForecastActsBeforeTheMark) {
  Bench bench(OneSignal());
  Decision decision;
  double used = 60;
  while (used < 90 && decision.act != "cut") decision = bench.At(used += 2, 30);
  EXPECT_LT(used, 80);
  EXPECT_EQ(decision.level, Level::kShed) << decision.why;
  ControllerConfig config = OneSignal();
  config.signals[0].forecast = false;
  Bench without(config);
  used = 60;
  while (used < 90) EXPECT_NE(without.At(used += 2, 30).act, "cut");
}

TEST(ControllerTest, LimitIsNeverRaisedAboveTheLowMarkOrWhileBlind) {
  std::mt19937 random(11);
  Bench bench(OneSignal());
  std::int64_t before = 40;
  double used = 50;
  int raises = 0;
  for (int i = 0; i < 20'000; ++i) {
    used = std::clamp(used + static_cast<double>(static_cast<int>(random() % 81) - 40) / 10, 1.0,
                      99.0);
    const bool is_lost = random() % 50 == 0;
    const Decision decision = bench.At(is_lost ? std::nullopt : std::optional<double>(used),
                                       static_cast<std::int64_t>(random() % 45));
    EXPECT_GE(decision.limit, 2);
    EXPECT_LE(decision.limit, 40);
    if (decision.limit > before) {
      ++raises;
      EXPECT_EQ(decision.act, "raise");
      EXPECT_TRUE(decision.lost.empty());
      EXPECT_LE(*decision.use, 0.80);
      EXPECT_EQ(decision.level, Level::kNormal);
    }
    before = decision.limit;
  }
  EXPECT_GT(raises, 10);
}

TEST(ControllerTest, LostSignalGoesToTheSafeLimitAndHoldsUntilThen) {
  Bench bench(OneSignal());
  bench.At(50, 30);
  EXPECT_EQ(bench.At(std::nullopt, 30).limit, 40);
  EXPECT_EQ(bench.At(std::nullopt, 30).limit, 40);
  const Decision decision = bench.At(std::nullopt, 30);
  EXPECT_EQ(decision.act, "safe");
  EXPECT_EQ(decision.limit, 4);
  EXPECT_EQ(decision.lost, std::vector<std::string>{"memory"});
}

TEST(ControllerTest, SignalThatNeverCameIsLost) {
  Bench bench(OneSignal());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bench.At(std::nullopt).act, "hold");
  EXPECT_EQ(bench.At(std::nullopt).act, "safe");
}

TEST(ControllerTest, StepsEscalateInOrderBoundedPerHour) {
  ControllerConfig config = OneSignal();
  config.escalation = {{"caches", Level::kCaution, 0, 30'000, 2},
                       {"restart", Level::kShed, 20'000, 60'000, 1}};
  Bench bench(config);
  std::vector<std::pair<int, std::string>> seen;
  for (int i = 0; i < 600; ++i) {
    for (const std::string& name : bench.At(95, 2).escalate) seen.emplace_back(i, name);
  }
  EXPECT_EQ(seen, (std::vector<std::pair<int, std::string>>{
                      {0, "caches"}, {20, "restart"}, {30, "caches"}}));
}

TEST(ControllerTest, RebalanceIsTimed) {
  Bench bench(OneSignal());
  bench.At(94, 30);
  bench.At(90, 25);
  EXPECT_EQ(bench.At(84, 25).rebalanced_ms, 2000);
  EXPECT_FALSE(bench.At(84, 25).rebalanced_ms);
}

TEST(ControllerTest, AlertLiftsTheLevelUntilResolvedOrOld) {
  Controller controller(OneSignal());
  TickInput input;
  input.readings = {{50, 100}};
  input.running = 30;
  input.alert = 2;
  EXPECT_EQ(controller.Tick(input).act, "cut");
  input.alert = -1;
  input.t_ms = 59'000;
  EXPECT_EQ(controller.Tick(input).level, Level::kShed);
  for (input.t_ms = 60'000; input.t_ms < 90'000; input.t_ms += 1000) controller.Tick(input);
  EXPECT_EQ(controller.Tick(input).level, Level::kNormal);
}

TEST(ControllerTest, HeldLimitStandsWithinItsBounds) {
  Controller controller(OneSignal());
  TickInput input;
  input.readings = {{95, 100}};
  input.held = 100;
  EXPECT_EQ(controller.Tick(input).limit, 40);
}

// A server whose memory follows what runs, with a lag: memory comes back below the low mark, and
// the limit settles instead of swinging.
TEST(ControllerTest, LoopSettlesOnAServerThatNeedsLess) {
  Bench bench(OneSignal());
  double used = 20;
  double running = 0;
  std::int64_t limit = 40;
  int peak_ticks = 0;
  std::int64_t last = 0;
  for (int i = 0; i < 900; ++i) {
    running += running < static_cast<double>(limit) ? 1 : 0;
    if (running > static_cast<double>(limit))
      running -= std::min(running - static_cast<double>(limit), running / 4);
    used += (20 + running * 2.5 - used) * 0.5;  // 32 of them fill it
    peak_ticks += used >= 97;
    EXPECT_LT(used, 100);
    const Decision decision = bench.At(used, std::lround(running));
    limit = decision.limit;
    last = limit;
  }
  EXPECT_EQ(peak_ticks, 0);
  EXPECT_GE(last, 20);
  EXPECT_LE(bench.controller().state().reversals.size(), 6u);
}

TEST(ControllerJsonTest, StateAndInputComeBackAsTheyWere) {
  ControllerConfig config = OneSignal();
  config.escalation = {{"caches", Level::kCaution, 0, 30'000, 2}};
  std::mt19937 random(3);
  Controller straight(config);
  Controller broken(ConfigOfJson(nlohmann::json::parse(ConfigJson(config).dump())));
  for (int i = 0; i < 500; ++i) {
    TickInput input;
    input.t_ms = i * 1000;
    input.readings = {{static_cast<double>(random() % 10'000) / 97, 100}};
    input.running = random() % 40;
    const auto copy = InputOfJson(nlohmann::json::parse(InputJson(input).dump()));
    EXPECT_EQ(DecisionJson(straight.Tick(input)), DecisionJson(broken.Tick(copy)));
    // Goes on from a state that was written and read.
    broken =
        Controller(config, StateOfJson(nlohmann::json::parse(StateJson(broken.state()).dump())));
  }
}

}  // namespace
}  // namespace memwhy::govern
