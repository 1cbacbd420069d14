// SPDX-License-Identifier: Apache-2.0
#include "govern/plan/govern_plan.h"

#include <gtest/gtest.h>

namespace memwhy::govern {
namespace {

constexpr const char* kLeast =
    "limit: {floor: 2, ceiling: 8}\nsignals: [{name: m, host: memory}]\n";

std::string ErrorOf(const std::string& text) {
  const auto plan = ParseGovernPlan("g.yaml", text);
  return plan ? "no error" : plan.error().message();
}

TEST(GovernPlanTest, LeastFileIsShadow) {
  const auto plan = ParseGovernPlan("g.yaml", kLeast);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_FALSE(plan->acts);
  EXPECT_EQ(plan->controller.safe, 2);
  EXPECT_TRUE(plan->controller.signals[0].forecast);
}

TEST(GovernPlanTest, WholeFileIsUnderstood) {
  const auto plan = ParseGovernPlan("/etc/g.yaml", R"(version: 1
mode: act
tick: 500ms
log: d.jsonl
log_limit: 2 MiB
limit: {floor: 2, ceiling: 64, safe: 8}
marks: {caution: {enter: 80 %, exit: 75 %}, shed: {forecast: 15s}}
timing: {dwell: 20s, forecast_from: 60 %}
signals:
  - {name: memory, cgroup: program}
  - {name: kv, pool: /dev/shm/p, forecast: true}
  - {name: engine, metrics: "http://127.0.0.1:8000/metrics", used: 'kv{a="b"}', limit: 1}
actuators:
  - {name: gate, cap: /dev/shm/c, lease: 3s}
  - {name: proxy, haproxy: /run/h.sock, server: b/s1}
  - {name: api, http: "http://h/x", body: '{"n": {{limit}}}', read: "http://h/x", pointer: /n}
  - {name: script, exec: [turn, "{{limit}}"], read: [show]}
escalation:
  - {name: caches, at: caution, after: 0s, exec: [drop]}
  - {name: restart, at: emergency, after: 20s, max_per_hour: 1, signal: HUP}
  - {name: brake, at: shed, cgroup: /sys/fs/cgroup/x, high: 1 GiB}
)");
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_EQ(plan->log, "/etc/d.jsonl");
  EXPECT_EQ(plan->signals.size(), 3u);
  EXPECT_FALSE(plan->controller.signals[2].forecast);
  EXPECT_EQ(plan->actuators[0].lease_ms, 3000);
  EXPECT_EQ(plan->controller.escalation[1].at, Level::kEmergency);
  EXPECT_EQ(plan->remedies[2].bytes, Bytes{1} << 30);
  EXPECT_DOUBLE_EQ(plan->controller.enter[0], 0.8);
  EXPECT_DOUBLE_EQ(plan->controller.forecast_s[1], 15);
}

TEST(GovernPlanTest, ErrorsNameLineAndKey) {
  const std::string least = kLeast;
  EXPECT_NE(ErrorOf(least + "tikc: 1s").find("g.yaml:3:1: the file has no key \"tikc\""),
            std::string::npos);
  EXPECT_EQ(ErrorOf(least + "mode: go"), "g.yaml:3:7: mode is act or shadow");
  EXPECT_EQ(ErrorOf(least + "tick: 1ms"), "g.yaml:3:7: tick must be from 100 ms to 1 min 0 s");
  EXPECT_NE(ErrorOf(least + "mode: act").find("no actuators"), std::string::npos);
  EXPECT_NE(ErrorOf(least + "marks: {shed: {enter: 80 %}}").find("exit must be below enter"),
            std::string::npos);
  EXPECT_NE(ErrorOf(least + "actuators: [{name: a}]").find("an actuator is one of"),
            std::string::npos);
  EXPECT_NE(ErrorOf(least + "actuators: [{name: a, haproxy: /s, server: 'b/s;x'}]")
                .find("BACKEND/SERVER"),
            std::string::npos);
  EXPECT_NE(ErrorOf("limit: {floor: 9, ceiling: 8}").find("floor must not be above"),
            std::string::npos);
  EXPECT_NE(ErrorOf("limit: {floor: 1, ceiling: 8}").find("no signals"), std::string::npos);
  EXPECT_NE(ErrorOf("signals: [{name: d, device: 0}]").find("reads no device"), std::string::npos);
}

TEST(GovernPlanTest, UrlWithAPasswordIsRefusedWithoutSayingIt) {
  const std::string error =
      ErrorOf(std::string(kLeast) + "actuators: [{name: a, http: 'http://u:geheim@h/'}]");
  EXPECT_NE(error.find("no plain host"), std::string::npos);
  EXPECT_EQ(error.find("geheim"), std::string::npos);
}

TEST(MetricTextTest, WhatMatchesIsSummed) {
  constexpr std::string_view kText =
      "# HELP kv x\nkv{a=\"b\",c=\"d\"} 0.25\nkv{xa=\"b\"} 4\nkv{a=\"c\"} 1e0 1700\nkv_more 9\nn "
      "NaN\n";
  EXPECT_EQ(SumOfMetric(kText, "kv"), 5.25);
  EXPECT_EQ(SumOfMetric(kText, "kv{a=\"b\"}"), 0.25);
  EXPECT_EQ(SumOfMetric(kText, "kv{c=\"d\", a=\"b\"}"), 0.25);
  EXPECT_EQ(SumOfMetric(kText, "absent"), std::nullopt);
  EXPECT_EQ(SumOfMetric(kText, "n"), std::nullopt);
}

}  // namespace
}  // namespace memwhy::govern
