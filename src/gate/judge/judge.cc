// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/judge.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "analysis/growth.h"
#include "base/bytes.h"
#include "gate/judge/amount_text.h"
#include "gate/judge/attribution.h"
#include "gate/judge/differences.h"
#include "gate/judge/statistics.h"

namespace memwhy::gate {
namespace {

constexpr double kCertainP = 0.01;
const MetricSamples kNoSamples;
constexpr double kDeviations = 3;  // a shift must stand out of so many median deviations

const WorkloadSamples* FindWorkload(const Measurement* measurement, const std::string& name) {
  if (measurement == nullptr) return nullptr;
  const auto found = std::ranges::find(measurement->workloads, name, &WorkloadSamples::name);
  return found == measurement->workloads.end() ? nullptr : &*found;
}

const MetricSamples* FindSamples(const WorkloadSamples* workload, const Metric& metric) {
  if (workload == nullptr) return nullptr;
  const auto found = workload->metrics.find(metric.name);
  return found == workload->metrics.end() ? nullptr : &found->second;
}

void SetInconclusive(BoundResult* result, std::optional<std::size_t> more, std::string why) {
  result->state = State::kInconclusive;
  result->more_repeats = more;
  result->why = std::move(why);
}

std::string MoreText(std::optional<std::size_t> more) {
  if (!more) return "";
  return fmt::format("; about {} more repeats would decide", *more);
}

// More repeats that a two-sided test at 1 % needs for the effect that is seen.
std::optional<std::size_t> MoreRepeats(double superiority, std::size_t have) {
  const auto needed = SamplesNeeded(superiority);
  if (!needed) return std::nullopt;
  return *needed > have ? *needed - have : 1;
}

void JudgeLimit(const Budget& budget, BoundResult* result) {
  const Metric& metric = *budget.metric;
  const std::vector<double>& values = result->candidate;
  result->allowed = *budget.limit;
  const double median = *result->candidate_median;
  const auto above = static_cast<std::size_t>(
      std::ranges::count_if(values, [&](double value) { return value > *budget.limit; }));
  const std::string shown = AmountText(metric, median);
  const std::string limit = AmountText(metric, *budget.limit);
  if (median <= *budget.limit) {
    result->why = fmt::format("the median {} is within the limit of {}", shown, limit);
    return;
  }
  if (metric.metric_class == MetricClass::kExact) {
    if (above == values.size()) {
      result->state = State::kRegress;
      result->why = fmt::format("{} is more than the limit of {}", shown, limit);
    } else {
      SetInconclusive(result, std::nullopt,
                      fmt::format("{} of {} processes exceed the limit of {}: the workload does "
                                  "not do the same each time",
                                  above, values.size(), limit));
    }
    return;
  }
  result->p = CoinTest(above, values.size());
  if (*result->p < kCertainP) {
    result->state = State::kRegress;
    result->why = fmt::format("the median {} is more than the limit of {}, in {} of {} processes",
                              shown, limit, above, values.size());
    return;
  }
  const std::size_t have = values.size();
  const auto more = have < static_cast<std::size_t>(kFewestRepeats)
                        ? static_cast<std::size_t>(kFewestRepeats) - have
                        : have;
  SetInconclusive(result, more,
                  fmt::format("the median {} is more than the limit of {}, but only in {} of {} "
                              "processes{}",
                              shown, limit, above, have, MoreText(more)));
}

double AllowedIncrease(const Budget& budget, double baseline) {
  double allowed = budget.increase.value_or(INFINITY);
  if (budget.increase_percent) {
    allowed = std::min(allowed, std::abs(baseline) * *budget.increase_percent / 100);
  }
  return allowed;
}

void JudgeExactIncrease(const Metric& metric, BoundResult* result) {
  const auto [before_low, before_high] = std::ranges::minmax(result->baseline);
  const auto [now_low, now_high] = std::ranges::minmax(result->candidate);
  const double delta = *result->delta;
  const std::string change = DeltaText(metric, delta);
  const std::string allowed = DeltaText(metric, result->allowed);
  if (delta > result->allowed) {
    if (now_low - before_high > result->allowed || now_low > before_high) {
      result->state = State::kRegress;
      result->why = fmt::format("{} against the baseline, {} is allowed", change, allowed);
    } else {
      SetInconclusive(result, std::nullopt,
                      fmt::format("{} against the baseline, but the processes of a side differ by "
                                  "more than that: the workload does not do the same each time",
                                  change));
    }
  } else if (delta < -result->allowed && now_high < before_low) {
    result->state = State::kImproved;
    result->why = fmt::format("{} against the baseline", change);
  } else {
    result->why = fmt::format("{} against the baseline, {} is allowed", change, allowed);
  }
}

void JudgeNoisyIncrease(const Metric& metric, BoundResult* result) {
  const std::size_t fewest = std::min(result->baseline.size(), result->candidate.size());
  if (fewest < static_cast<std::size_t>(kFewestRepeats)) {
    const std::size_t more = static_cast<std::size_t>(kFewestRepeats) - fewest;
    const bool is_baseline = result->baseline.size() == fewest;
    SetInconclusive(result, more,
                    fmt::format("{} processes of the {} are too few to compare noisy numbers: {} "
                                "more repeats are needed",
                                fewest, is_baseline ? "baseline" : "candidate", more));
    return;
  }
  const RankTest test = MannWhitney(result->baseline, result->candidate);
  result->p = test.p;
  const double delta = *result->delta;
  const std::string change = DeltaText(metric, delta);
  const std::string allowed = DeltaText(metric, result->allowed);
  if (std::abs(delta) <= result->allowed) {
    result->why = fmt::format("{} against the baseline, {} is allowed", change, allowed);
    return;
  }
  if (test.p >= kCertainP) {
    if (delta < 0) {
      result->why =
          fmt::format("{} against the baseline, by chance perhaps (p {:.2g})", change, test.p);
      return;
    }
    const auto more = MoreRepeats(test.superiority, fewest);
    SetInconclusive(result, more,
                    fmt::format("{} against the baseline, {} is allowed, but chance explains it "
                                "(Mann-Whitney p {:.2g}){}",
                                change, allowed, test.p, MoreText(more)));
    return;
  }
  const double noise =
      kDeviations * std::max(MedianDeviation(result->baseline), MedianDeviation(result->candidate));
  if (std::abs(delta) <= noise) {
    if (delta < 0) {
      result->why = fmt::format("{} against the baseline, within the noise of {}", change,
                                AmountText(metric, noise));
      return;
    }
    SetInconclusive(result, std::nullopt,
                    fmt::format("{} against the baseline, {} is allowed, but single processes "
                                "differ by as much (3 median deviations are {}): make the "
                                "workload steadier or the budget wider",
                                change, allowed, AmountText(metric, noise)));
    return;
  }
  result->state = delta > 0 ? State::kRegress : State::kImproved;
  result->why = fmt::format("{} against the baseline, {} is allowed (Mann-Whitney p {:.2g})",
                            change, allowed, test.p);
}

void JudgeIncrease(const Budget& budget, const MetricSamples* baseline, BoundResult* result) {
  if (baseline == nullptr || baseline->levels.empty()) {
    SetInconclusive(result, std::nullopt,
                    "the baseline does not have this metric: update it with memwhy gate baseline");
    return;
  }
  result->baseline = baseline->levels;
  const double before = Median(result->baseline);
  result->baseline_median = before;
  result->delta = *result->candidate_median - before;
  if (before != 0) result->percent = *result->delta / std::abs(before) * 100;
  result->allowed = AllowedIncrease(budget, before);
  if (budget.metric->metric_class == MetricClass::kExact) {
    JudgeExactIncrease(*budget.metric, result);
  } else {
    JudgeNoisyIncrease(*budget.metric, result);
  }
}

enum class Growing : std::uint8_t { kNo, kYes, kUnknown };

struct RunGrowth {
  Growing growing = Growing::kUnknown;
  double per_operation = 0;
  std::string why;
};

RunGrowth JudgeRun(const Metric& metric, const GrowthRun& run) {
  RunGrowth growth;
  if (!run.trouble.empty() || run.floors.size() < 2 || run.operations <= 0) {
    growth.why = run.trouble.empty() ? "it did no operations" : run.trouble;
    return growth;
  }
  // From the first part to the last there is one part less than all.
  const double parts = static_cast<double>(run.floors.size());
  const double operations = run.operations * (parts - 1) / parts;
  growth.per_operation = (run.floors.back() - run.floors.front()) / operations;
  if (metric.metric_class == MetricClass::kExact) {
    const ExactGrowth exact = JudgeExactGrowth(run.floors);
    growth.growing = exact.is_growing ? Growing::kYes : Growing::kNo;
    growth.why = exact.why;
    return growth;
  }
  std::vector<Bytes> floors;
  for (const double floor : run.floors) floors.push_back(RoundToBytes(floor));
  const analysis::Growth noisy =
      analysis::JudgeFloors(floors, run.seconds, {analysis::MetricClass::kNoisy, 64 * 1024, 0});
  growth.why = noisy.why;
  switch (noisy.trend) {
    case analysis::Trend::kGrowing:
      growth.growing = Growing::kYes;
      growth.per_operation = noisy.slope * run.seconds / run.operations;
      break;
    case analysis::Trend::kInconclusive:
      break;
    case analysis::Trend::kPlateau:
    case analysis::Trend::kStable:
      growth.growing = Growing::kNo;
  }
  return growth;
}

void JudgeGrowth(const Budget& budget, const MetricSamples& samples, BoundResult* result) {
  const Metric& metric = *budget.metric;
  result->allowed = *budget.growth;
  result->candidate.clear();
  std::size_t growing = 0;
  std::size_t unknown = 0;
  std::string why;
  std::vector<double> rates;
  for (const GrowthRun& run : samples.growth) {
    const RunGrowth one = JudgeRun(metric, run);
    if (one.growing == Growing::kUnknown) {
      ++unknown;
      why = one.why;
      continue;
    }
    result->candidate.push_back(one.per_operation);
    if (one.growing == Growing::kYes && one.per_operation > *budget.growth) {
      ++growing;
      rates.push_back(one.per_operation);
      if (why.empty()) why = one.why;
    }
  }
  const std::size_t known = samples.growth.size() - unknown;
  if (known > 0) result->candidate_median = Median(result->candidate);
  if (known < 2) {
    SetInconclusive(result, std::nullopt,
                    why.empty() ? "two processes are needed to tell growth"
                                : fmt::format("growth cannot be told: {}", why));
    return;
  }
  // Two of two, and where there are more, most of them.
  if (growing < 2 || growing * 2 <= known) {
    result->why = fmt::format("growing beyond {} per operation in {} of {} processes",
                              AmountText(metric, *budget.growth), growing, known);
    return;
  }
  result->state = State::kRegress;
  result->candidate_median = Median(rates);
  result->why = fmt::format("{} per operation, {} is allowed; {} (in {} of {} processes)",
                            DeltaText(metric, Median(rates)), AmountText(metric, *budget.growth),
                            why, growing, known);
}

// How many operations fit until the limit, by the growth that is seen.
void JudgeForecast(const Budget& budget, double limit, const MetricSamples& samples,
                   BoundResult* result) {
  Budget any_growth = budget;
  any_growth.growth = 0;
  JudgeGrowth(any_growth, samples, result);
  result->allowed = *budget.until_limit;
  if (result->state != State::kRegress) {
    if (result->state == State::kPass) result->why = "it does not grow";
    return;
  }
  const double level = Median(samples.levels);
  const double rate = *result->candidate_median;
  const double left = std::max(0.0, (limit - level) / rate);
  const std::string forecast =
      fmt::format("{} now and {} per operation: the limit of {} is reached after {} operations",
                  AmountText(*budget.metric, level), DeltaText(*budget.metric, rate),
                  AmountText(*budget.metric, limit), FormatCount(RoundToBytes(left)));
  result->why =
      fmt::format("{}; {} must fit", forecast, FormatCount(RoundToBytes(*budget.until_limit)));
  if (left >= *budget.until_limit) result->state = State::kPass;
}

class WorkloadJudge {
 public:
  WorkloadJudge(const Workload& workload, const WorkloadSamples* baseline,
                const WorkloadSamples& candidate, WorkloadResult* result)
      : workload_(workload), baseline_(baseline), candidate_(candidate), result_(*result) {}

  void All() {
    static const std::vector<StackSample> kNone;
    result_.peak = CompareStacks(baseline_ == nullptr ? kNone : baseline_->peak, candidate_.peak);
    if (candidate_.oom_kills > 0) return Killed();
    for (const Budget& budget : workload_.budgets) {
      const MetricSamples* samples = FindSamples(&candidate_, *budget.metric);
      if (budget.limit) Level(budget, samples, Bound::kLimit);
      if (budget.needs_baseline()) Level(budget, samples, Bound::kIncrease);
      if (budget.growth) Growth(budget, samples, Bound::kGrowth);
      if (budget.until_limit) Growth(budget, samples, Bound::kForecast);
    }
    for (const BoundResult& bound : result_.bounds) {
      result_.state = Worse(result_.state, bound.state);
    }
  }

 private:
  void Level(const Budget& budget, const MetricSamples* samples, Bound bound) {
    BoundResult result;
    result.metric = budget.metric;
    result.bound = bound;
    if (samples == nullptr || samples->levels.empty()) {
      SetInconclusive(&result, std::nullopt, "no process told this number");
    } else {
      result.candidate = samples->levels;
      result.candidate_median = Median(samples->levels);
      const MetricSamples* before = FindSamples(baseline_, *budget.metric);
      if (bound == Bound::kLimit) {
        JudgeLimit(budget, &result);
      } else if (baseline_ != nullptr && !result_.differences.empty()) {
        result.state = State::kEnvMismatch;
        result.why = "not compared: " + result_.differences.front();
        if (result_.differences.size() > 1) {
          result.why += fmt::format(", and {} more", result_.differences.size() - 1);
        }
      } else {
        JudgeIncrease(budget, before, &result);
      }
    }
    if (result.state == State::kRegress) result.stacks = StacksWithMore(result_.peak);
    result_.bounds.push_back(std::move(result));
  }

  void Killed() {
    BoundResult result;
    result.metric = FindMetric("cgroup_peak");
    result.bound = Bound::kKilled;
    result.state = State::kRegress;
    result.allowed = workload_.memory_limit.value_or(0);
    result.why = fmt::format(
        "the kernel killed {} of its processes: it needs more than its "
        "memory_limit of {}; no other budget was judged",
        candidate_.oom_kills, AmountText(*result.metric, result.allowed));
    result_.state = State::kRegress;
    result_.bounds.push_back(std::move(result));
  }

  void Growth(const Budget& budget, const MetricSamples* samples, Bound bound) {
    BoundResult result;
    result.metric = budget.metric;
    result.bound = bound;
    const MetricSamples& of = samples == nullptr ? kNoSamples : *samples;
    if (bound == Bound::kGrowth) {
      JudgeGrowth(budget, of, &result);
    } else {
      JudgeForecast(budget, *workload_.memory_limit, of, &result);
    }
    if (result.state == State::kRegress) result.stacks = candidate_.growing;
    result_.bounds.push_back(std::move(result));
  }

  const Workload& workload_;
  const WorkloadSamples* baseline_;
  const WorkloadSamples& candidate_;
  WorkloadResult& result_;
};

}  // namespace

const char* StateName(State state) {
  switch (state) {
    case State::kPass:
      return "pass";
    case State::kImproved:
      return "improved";
    case State::kInconclusive:
      return "inconclusive";
    case State::kEnvMismatch:
      return "env-mismatch";
    case State::kRegress:
      return "regress";
  }
  return "";
}

int StateExitCode(State state) {
  switch (state) {
    case State::kPass:
    case State::kImproved:
      return 0;
    case State::kInconclusive:
      return 4;
    case State::kEnvMismatch:
      return 5;
    case State::kRegress:
      return 1;
  }
  return 3;
}

State Worse(State a, State b) { return std::max(a, b); }

const char* BoundName(Bound bound) {
  switch (bound) {
    case Bound::kLimit:
      return "limit";
    case Bound::kIncrease:
      return "increase";
    case Bound::kGrowth:
      return "growth";
    case Bound::kForecast:
      return "until_limit";
    case Bound::kKilled:
      return "killed";
  }
  return "";
}

void MarkChangedLines(const LineRanges& changed, WorkloadResult* result) {
  for (BoundResult& bound : result->bounds) {
    for (StackSample& stack : bound.stacks) {
      stack.changed.emplace();
      for (std::size_t i = 0; i < stack.frames.size(); ++i) {
        const auto file = changed.find(stack.frames[i].file);
        if (file == changed.end()) continue;
        const int line = stack.frames[i].line;
        if (std::ranges::any_of(file->second, [&](const std::pair<int, int>& range) {
              return range.first <= line && line <= range.second;
            })) {
          stack.changed->push_back(i);
        }
      }
    }
  }
}

GateResult Judge(const Plan& plan, const Measurement* baseline, const Measurement& candidate) {
  GateResult result;
  result.plan = plan.path;
  result.made = candidate.made;
  result.fingerprint = candidate.fingerprint;
  if (baseline != nullptr) {
    result.baseline_made = baseline->made;
    result.baseline_reason = baseline->reason;
  }
  for (const Workload& workload : plan.workloads) {
    const WorkloadSamples* now = FindWorkload(&candidate, workload.name);
    if (now == nullptr) continue;
    const WorkloadSamples* before = FindWorkload(baseline, workload.name);
    WorkloadResult one;
    one.name = workload.name;
    if (before != nullptr) {
      one.differences = Differences(baseline->fingerprint, candidate.fingerprint, plan.ignored);
      for (std::string& text : Differences(before->fingerprint, now->fingerprint, plan.ignored)) {
        one.differences.push_back(std::move(text));
      }
    }
    WorkloadJudge(workload, before, *now, &one).All();
    result.state = Worse(result.state, one.state);
    result.workloads.push_back(std::move(one));
  }
  return result;
}

}  // namespace memwhy::gate
