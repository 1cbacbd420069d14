// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/chain.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "govern/actuators/haproxy.h"
#include "govern/actuators/program.h"

namespace memwhy::govern {
namespace {

struct KnobFate {
  std::int64_t limit = 40;
  bool refuses = false;
  bool lies = false;
  bool is_gone = false;
  int applied = 0;
};

class FakeKnob : public Actuator {
 public:
  explicit FakeKnob(KnobFate* fate) : fate_(fate) {}
  Result<void> Apply(const Limit& limit) override {
    ++fate_->applied;
    if (fate_->refuses) return Error("no");
    if (!fate_->lies) fate_->limit = limit.value;
    return {};
  }
  Result<ActuatorView> Read() override {
    if (fate_->is_gone) return Error("gone");
    return ActuatorView{fate_->limit, 7, 1};
  }

 private:
  KnobFate* fate_;
};

class ChainTest : public testing::Test {
 protected:
  ChainTest() {
    actuators_.push_back({"first", std::make_unique<FakeKnob>(&first_)});
    actuators_.push_back({"second", std::make_unique<FakeKnob>(&second_)});
    chain_.emplace(&actuators_, 40, [this](std::size_t index, auto original) {
      if (original) {
        lowered_[index] = *original;
      } else {
        lowered_.erase(index);
      }
    });
  }
  KnobFate first_;
  KnobFate second_;
  std::vector<NamedActuator> actuators_;
  std::map<std::size_t, std::int64_t> lowered_;
  std::optional<ActuatorChain> chain_;
};

TEST_F(ChainTest, FirstThatWorksHasTheLimitAndIsGivenBack) {
  const ActReport report = chain_->Apply(0, 10, false);
  EXPECT_EQ(report.actuator, "first");
  EXPECT_EQ(report.result, "confirmed");
  EXPECT_EQ(first_.limit, 10);
  EXPECT_EQ(second_.applied, 0);
  EXPECT_EQ(lowered_, (std::map<std::size_t, std::int64_t>{{0, 40}}));
  EXPECT_TRUE(chain_->Release().empty());
  EXPECT_EQ(first_.limit, 40);
  EXPECT_TRUE(lowered_.empty());
}

TEST_F(ChainTest, OneThatRefusesIsReplacedAtOnce) {
  first_.refuses = true;
  const ActReport report = chain_->Apply(0, 10, false);
  EXPECT_EQ(report.actuator, "second");
  EXPECT_EQ(second_.limit, 10);
  EXPECT_EQ(report.events, std::vector<std::string>{"actuator first: no"});
}

TEST_F(ChainTest, OneThatLiesIsReplacedAfterTwoSeconds) {
  first_.lies = true;
  EXPECT_EQ(chain_->Apply(0, 10, false).result, "deferred");
  EXPECT_EQ(chain_->Apply(1000, 10, false).result, "deferred");
  const ActReport report = chain_->Apply(2000, 10, false);
  EXPECT_EQ(report.actuator, "second");
  EXPECT_EQ(report.result, "confirmed");
  EXPECT_EQ(report.events.front(), "actuator first: it accepts 10 but reads back 40");
}

TEST_F(ChainTest, OneThatWorksAgainTakesOverAndTheOtherIsGivenBack) {
  first_.refuses = true;
  chain_->Apply(0, 10, false);
  first_.refuses = false;
  chain_->Apply(ActuatorChain::kRefusedMs - 1, 9, false);
  EXPECT_EQ(second_.limit, 9);
  const ActReport report = chain_->Apply(ActuatorChain::kRefusedMs, 9, false);
  EXPECT_EQ(report.actuator, "first");
  EXPECT_EQ(first_.limit, 9);
  EXPECT_EQ(second_.limit, 40);
}

TEST_F(ChainTest, OneThatHasToStartIsUsedAsSoonAsItIsThere) {
  first_.is_gone = second_.is_gone = true;
  std::vector<std::string> events;
  chain_->View(0, &events);
  EXPECT_EQ(events.size(), 2u);
  first_.is_gone = false;
  EXPECT_EQ(chain_->View(1000, &events).running, 7);
  EXPECT_EQ(chain_->Apply(1000, 10, false).result, "confirmed");
}

TEST_F(ChainTest, NoneWorksIsSaid) {
  first_.refuses = true;
  second_.is_gone = true;
  EXPECT_EQ(chain_->Apply(0, 10, false).result, "none");
}

TEST_F(ChainTest, NothingIsTurnedAtTheCeiling) {
  EXPECT_EQ(chain_->Apply(0, 40, false).result, "untouched");
  EXPECT_EQ(first_.applied, 0);
  chain_->Apply(1000, 10, false);
  chain_->Apply(2000, 40, false);
  EXPECT_EQ(first_.limit, 40);
  EXPECT_TRUE(lowered_.empty());
}

TEST(ExecActuatorTest, LimitIsPutInAndReadBack) {
  const std::string file = testing::TempDir() + "memwhy-knob";
  ExecActuator knob({"sh", "-c", "echo {{limit}} > " + file}, {"cat", file}, 5000);
  ASSERT_TRUE(knob.Apply(Limit{12, 1, false}));
  EXPECT_EQ(knob.Read()->limit, 12);
  std::remove(file.c_str());
}

TEST(ExecActuatorTest, ProgramThatFailsOrHangsIsAnError) {
  EXPECT_FALSE(RunProgram({"sh", "-c", "exit 3"}, 5000));
  EXPECT_FALSE(RunProgram({"/no/such/program"}, 5000));
  const auto hung = RunProgram({"sleep", "60"}, 50);
  ASSERT_FALSE(hung);
  EXPECT_NE(hung.error().message().find("longer than 50 ms"), std::string::npos);
}

TEST(HaproxyTest, TableOfServersIsRead) {
  const std::string csv =
      "# pxname,svname,qcur,qmax,scur,smax,slim,\nb,s1,3,9,4,40,4,\nb,BACKEND,0,0,0,0,200,\n";
  const auto view = ViewOfStat(csv, "b", "s1");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->limit, 4);
  EXPECT_EQ(view->running, 4);
  EXPECT_EQ(view->waiting, 3);
  EXPECT_FALSE(ViewOfStat(csv, "b", "s2"));
  EXPECT_FALSE(ViewOfStat("", "b", "s1"));
  EXPECT_FALSE(ViewOfStat("Permission denied\n", "b", "s1"));
}

}  // namespace
}  // namespace memwhy::govern
