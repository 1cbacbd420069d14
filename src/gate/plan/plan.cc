// SPDX-License-Identifier: Apache-2.0
#include "gate/plan/plan.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"
#include "config/yaml_reader.h"

namespace memwhy::gate {
namespace {

using config::BytesOf;
using config::CommandOf;
using config::EachKey;
using config::FolderOf;
using config::NonEmpty;
using config::NumberOf;
using config::PercentOf;
using config::Refuse;
using config::SecondsOf;
using config::Shown;
using config::TextOf;
using config::WholeOf;

constexpr std::size_t kMaxWorkloads = 1000;
constexpr std::size_t kMaxNameBytes = 200;
constexpr int kMaxRepeats = 1000;

double AmountOf(const YAML::Node& node, std::string_view what, MetricUnit unit) {
  if (unit == MetricUnit::kCount) return NumberOf(node, what);
  return static_cast<double>(BytesOf(node, what));
}

// "5 %" or a size, whichever bound that is.
void ReadIncrease(const YAML::Node& node, Budget* budget) {
  if (!EndsWith(Trim(TextOf(node, "increase")), "%")) {
    if (budget->increase) Refuse(node, "increase has two sizes");
    budget->increase = AmountOf(node, "increase", budget->metric->unit);
    return;
  }
  if (budget->increase_percent) Refuse(node, "increase has two percentages");
  budget->increase_percent = PercentOf(node, "increase");
}

const Metric* MetricOf(const YAML::Node& node) {
  const std::string name = NonEmpty(node, "metric");
  const Metric* metric = FindMetric(name);
  if (metric != nullptr) return metric;
  if (const std::string_view why = WhyNotMeasured(name); !why.empty()) {
    Refuse(node, fmt::format("metric {}: {}", name, why));
  }
  std::string known;
  for (const Metric& one : Metrics()) {
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  }
  Refuse(node, fmt::format("there is no metric {}; there are {}", Shown(name), known));
}

constexpr std::string_view kBudgetKeys = "metric, limit, increase, growth, until_limit";

Budget ReadBudget(const YAML::Node& node) {
  Budget budget;
  // What a size or number means depends on the metric, so that comes first.
  EachKey(node, "a budget", kBudgetKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "metric") budget.metric = MetricOf(value);
  });
  if (budget.metric == nullptr) Refuse(node, "a budget needs a metric");
  const MetricUnit unit = budget.metric->unit;
  EachKey(node, "a budget", kBudgetKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "limit" && EndsWith(Trim(TextOf(value, "limit")), "%")) {
      budget.limit_percent = PercentOf(value, "limit");
      if (unit != MetricUnit::kBytes) Refuse(value, "a percentage is for a metric in bytes");
    } else if (key == "until_limit") {
      if (!budget.metric->has_growth || unit != MetricUnit::kBytes) {
        Refuse(value, fmt::format("{} has no growth in bytes", budget.metric->name));
      }
      budget.until_limit = WholeOf(value, "until_limit", 1, 1e15);
    } else if (key == "limit") {
      budget.limit = AmountOf(value, "limit", unit);
    } else if (key == "growth") {
      if (!budget.metric->has_growth) {
        Refuse(value, fmt::format("{} has no growth per operation", budget.metric->name));
      }
      budget.growth = AmountOf(value, "growth", unit);
    } else if (key == "increase") {
      if (!value.IsSequence()) return ReadIncrease(value, &budget);
      for (const YAML::Node& one : value) ReadIncrease(one, &budget);
    }
  });
  const bool is_bounded = budget.has_level() || budget.limit_percent || budget.judges_growth();
  if (!is_bounded) {
    Refuse(node, fmt::format("the budget of {} bounds nothing: give it limit, increase or growth",
                             budget.metric->name));
  }
  return budget;
}

std::vector<Budget> ReadBudgets(const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0) Refuse(node, "budgets must be a list of budgets");
  std::vector<Budget> budgets;
  for (const YAML::Node& one : node) {
    budgets.push_back(ReadBudget(one));
    for (std::size_t i = 0; i + 1 < budgets.size(); ++i) {
      if (budgets[i].metric == budgets.back().metric) {
        Refuse(one, fmt::format("{} has a budget already: one budget can have several bounds",
                                budgets.back().metric->name));
      }
    }
  }
  return budgets;
}

void ReadEnvironment(const YAML::Node& node, Workload* workload) {
  EachKey(node, "environment", "", [&](const std::string& name, const YAML::Node& value) {
    if (name.empty() || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      Refuse(value, fmt::format("{} is no name of a variable", Shown(name)));
    }
    std::string text = TextOf(value, "the value of a variable");
    if (text.find('\0') != std::string::npos) Refuse(value, "a variable has a NUL character");
    std::erase_if(workload->environment, [&](const auto& one) { return one.first == name; });
    workload->environment.emplace_back(name, std::move(text));
  });
}

std::string Absolute(const std::string& folder, const std::string& path) {
  return path.starts_with('/') ? path : JoinPath(folder, path);
}

constexpr std::string_view kSharedKeys =
    "directory, environment, mark, warm_up, operations, repeats, timeout, memory_limit, budgets";
const std::string kWorkloadKeys = "name, command, " + std::string(kSharedKeys);

// One key that defaults may have, too.
void ReadShared(const std::string& key, const YAML::Node& value, const std::string& folder,
                Workload* workload) {
  if (key == "directory") {
    workload->directory = Absolute(folder, NonEmpty(value, "directory"));
  } else if (key == "environment") {
    ReadEnvironment(value, workload);
  } else if (key == "mark") {
    workload->mark = NonEmpty(value, "mark");
  } else if (key == "warm_up") {
    workload->warm_up = WholeOf(value, "warm_up", 0, 1e12);
  } else if (key == "operations") {
    workload->operations = WholeOf(value, "operations", 1, 1e12);
  } else if (key == "repeats") {
    workload->repeats = static_cast<int>(WholeOf(value, "repeats", 1, kMaxRepeats));
  } else if (key == "timeout") {
    workload->timeout_s = SecondsOf(value, "timeout");
  } else if (key == "memory_limit") {
    workload->memory_limit = AmountOf(value, "memory_limit", MetricUnit::kBytes);
    if (*workload->memory_limit < 1 << 20) Refuse(value, "memory_limit must be 1 MiB or more");
  } else if (key == "budgets") {
    workload->budgets = ReadBudgets(value);
  }
}

void CheckWorkload(const YAML::Node& node, const Workload& workload) {
  if (workload.name.empty()) Refuse(node, "a workload needs a name");
  if (workload.command.empty()) {
    Refuse(node, fmt::format("the workload {} needs a command", Shown(workload.name)));
  }
  if (workload.budgets.empty()) {
    Refuse(node, fmt::format("the workload {} has no budgets", Shown(workload.name)));
  }
  for (const Budget& budget : workload.budgets) {
    if ((budget.limit_percent || budget.until_limit || budget.metric->name == "cgroup_peak") &&
        !workload.memory_limit) {
      Refuse(node, fmt::format("the budget of {} needs the memory_limit of {}", budget.metric->name,
                               Shown(workload.name)));
    }
    if (!budget.judges_growth()) continue;
    const bool is_plain = budget.metric->run == RunKind::kPlain;
    if (!workload.operations && (is_plain || workload.mark.empty())) {
      Refuse(node, fmt::format("growth of {} needs the number of operations that {} does in one "
                               "process: give it operations{}",
                               budget.metric->name, Shown(workload.name),
                               is_plain ? "" : ", or the name of its mark"));
    }
  }
}

Workload ReadWorkload(const YAML::Node& node, const std::string& folder, const Workload& defaults) {
  Workload workload = defaults;
  EachKey(node, "a workload", kWorkloadKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "name") {
      workload.name = NonEmpty(value, "name");
      if (workload.name.size() > kMaxNameBytes) {
        Refuse(value, fmt::format("a name has {} bytes at most", kMaxNameBytes));
      }
    } else if (key == "command") {
      workload.command = CommandOf(value);
    } else {
      ReadShared(key, value, folder, &workload);
    }
  });
  CheckWorkload(node, workload);
  for (Budget& budget : workload.budgets) {
    if (budget.limit_percent) budget.limit = *workload.memory_limit * *budget.limit_percent / 100;
  }
  return workload;
}

void ReadIgnored(const YAML::Node& node, Plan* plan) {
  static const std::set<std::string> kParts = {"kernel",     "processors", "memory", "libc",
                                               "huge_pages", "variables",  "python", "libraries"};
  if (!node.IsSequence()) Refuse(node, "ignore must be a list of parts of the fingerprint");
  for (const YAML::Node& one : node) {
    const std::string part = TextOf(one, "a part of the fingerprint");
    if (!kParts.contains(part)) {
      const std::vector<std::string> known(kParts.begin(), kParts.end());
      Refuse(one, fmt::format("the fingerprint has no part {}; it has {}", Shown(part),
                              Join(known, ", ")));
    }
    plan->ignored.push_back(part);
  }
}

Plan ReadPlan(const std::string& path, const YAML::Node& root) {
  Plan plan;
  plan.path = path;
  const std::string folder = FolderOf(path);
  plan.folder = folder;
  plan.baseline = JoinPath(folder, "memwhy-baseline.json");
  if (!root.IsMap()) Refuse(root, "the file must be a mapping with workloads");
  Workload defaults;
  defaults.directory = folder;
  constexpr std::string_view kKeys = "version, baseline, ignore, defaults, workloads";
  EachKey(root, "the file", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key != "defaults") return;
    EachKey(value, "defaults", kSharedKeys, [&](const std::string& name, const YAML::Node& one) {
      ReadShared(name, one, folder, &defaults);
    });
  });
  EachKey(root, "the file", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "version") {
      if (TextOf(value, "version") != "1") Refuse(value, "this memwhy knows version 1 only");
    } else if (key == "baseline") {
      plan.baseline = Absolute(folder, NonEmpty(value, "baseline"));
    } else if (key == "ignore") {
      ReadIgnored(value, &plan);
    } else if (key == "workloads") {
      if (!value.IsSequence() || value.size() == 0) {
        Refuse(value, "workloads must be a list of workloads");
      }
      if (value.size() > kMaxWorkloads) {
        Refuse(value, fmt::format("there can be {} workloads at most", kMaxWorkloads));
      }
      for (const YAML::Node& one : value) {
        plan.workloads.push_back(ReadWorkload(one, folder, defaults));
        for (std::size_t i = 0; i + 1 < plan.workloads.size(); ++i) {
          if (plan.workloads[i].name == plan.workloads.back().name) {
            Refuse(one,
                   fmt::format("there are two workloads {}", Shown(plan.workloads.back().name)));
          }
        }
      }
    }
  });
  if (plan.workloads.empty()) Refuse(root, "the file has no workloads");
  return plan;
}

}  // namespace

bool Workload::needs(RunKind kind) const {
  return std::ranges::any_of(budgets, [&](const Budget& one) { return one.metric->run == kind; });
}

bool Workload::needs_baseline() const {
  return std::ranges::any_of(budgets, [](const Budget& one) { return one.needs_baseline(); });
}

Result<Plan> ParsePlan(const std::string& path, const std::string& text) {
  Plan plan;
  MEMWHY_TRY_VOID(
      config::ParseYaml(path, text, [&](const YAML::Node& root) { plan = ReadPlan(path, root); }));
  return plan;
}

Result<Plan> LoadPlan(const std::string& path) {
  MEMWHY_TRY(const std::string text, config::LoadYamlText(path, "a configuration of the gate"));
  return ParsePlan(path, text);
}

}  // namespace memwhy::gate
