// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_json.h"

#include <cmath>
#include <cstdint>

namespace memwhy::gate {
namespace {

using report::Json;

Json NumberJson(const Metric& metric, double number) {
  // Bytes and counts are integers; growth per operation is not.
  if (std::isinf(number)) return nullptr;
  if (metric.unit == MetricUnit::kBytes || number == std::floor(number)) {
    return static_cast<std::int64_t>(std::llround(number));
  }
  return number;
}

Json NumberJson(const Metric& metric, const std::optional<double>& number, bool is_rate) {
  if (!number) return nullptr;
  return is_rate ? Json(*number) : NumberJson(metric, *number);
}

Json SamplesJson(const Metric& metric, const std::vector<double>& samples, bool is_rate) {
  Json list = Json::array();
  for (const double sample : samples) list.push_back(NumberJson(metric, sample, is_rate));
  return list;
}

Json StackJson(const StackSample& stack) {
  Json frames = Json::array();
  for (const model::Frame& frame : stack.frames) frames.push_back(report::FrameJson(frame));
  Json json;
  json["stack"] = std::move(frames);
  json["bytes"] = std::llround(stack.bytes);
  json["blocks"] = std::llround(stack.blocks);
  json["arena"] = stack.is_arena;
  json["truncated"] = stack.is_truncated;
  json["holder"] = nullptr;
  json["changed_lines"] = nullptr;
  if (stack.changed) {
    json["changed_lines"] = Json::array();
    for (const std::size_t i : *stack.changed) {
      json["changed_lines"].push_back(
          {{"file", stack.frames[i].file}, {"line", stack.frames[i].line}});
    }
  }
  return json;
}

Json BoundJson(const BoundResult& bound) {
  const Metric& metric = *bound.metric;
  const bool is_rate = bound.bound == Bound::kGrowth || bound.bound == Bound::kForecast;
  Json json;
  json["metric"] = std::string(metric.name);
  json["layer"] = std::string(metric.layer);
  json["class"] = MetricClassName(metric.metric_class);
  json["bound"] = BoundName(bound.bound);
  json["state"] = StateName(bound.state);
  json["baseline"] = NumberJson(metric, bound.baseline_median, is_rate);
  json["candidate"] = NumberJson(metric, bound.candidate_median, is_rate);
  json["delta"] = NumberJson(metric, bound.delta, is_rate);
  json["percent"] = bound.percent ? Json(*bound.percent) : Json();
  json["limit"] = NumberJson(metric, bound.allowed, is_rate);
  json["p"] = bound.p ? Json(*bound.p) : Json();
  json["more_repeats"] = bound.more_repeats ? Json(*bound.more_repeats) : Json();
  json["why"] = bound.why;
  json["samples"]["baseline"] = SamplesJson(metric, bound.baseline, is_rate);
  json["samples"]["candidate"] = SamplesJson(metric, bound.candidate, is_rate);
  json["attribution"] = Json::array();
  for (const StackSample& stack : bound.stacks) json["attribution"].push_back(StackJson(stack));
  return json;
}

}  // namespace

Json GateJson(const GateResult& result) {
  Json json;
  json["schema"] = "memwhy.gate/1";
  json["session"] = nullptr;
  json["state"] = StateName(result.state);
  json["plan"] = result.plan;
  json["made"] = result.made;
  json["baseline"]["path"] = report::TextOrNull(result.baseline);
  json["baseline"]["made"] = report::TextOrNull(result.baseline_made);
  json["baseline"]["reason"] = report::TextOrNull(result.baseline_reason);
  json["workloads"] = Json::array();
  for (const WorkloadResult& workload : result.workloads) {
    Json one;
    one["name"] = workload.name;
    one["state"] = StateName(workload.state);
    one["differences"] = workload.differences;
    one["budgets"] = Json::array();
    for (const BoundResult& bound : workload.bounds) one["budgets"].push_back(BoundJson(bound));
    json["workloads"].push_back(std::move(one));
  }
  json["fingerprint"] = result.fingerprint;
  return json;
}

}  // namespace memwhy::gate
