// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/measure.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>

#include "base/clock.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "gate/judge/statistics.h"
#include "gate/measure/fingerprint.h"
#include "gate/measure/git_changes.h"
#include "gate/measure/memory_cgroup.h"
#include "gate/measure/program_run.h"
#include "gate/measure/run_end.h"
#include "gate/measure/session_numbers.h"
#include "gate/measure/temporary_folder.h"
#include "session/reader.h"

namespace memwhy::gate {
namespace {

constexpr std::size_t kNoisyParts = 15;  // floors that the rule for noisy growth looks at
constexpr double kWarmUpShare = 1.0 / 3;
constexpr double kShortestParts_s = 1;  // of sampled exact numbers
constexpr std::size_t kLogLines = 5;

// The last lines that a program printed, for an error.
std::string LogTail(const std::string& log) {
  const auto text = RealFileSystem().ReadSmall(log);
  if (!text) return "";
  const auto lines = SplitLines(*text);
  std::string tail;
  const std::size_t first = lines.size() > kLogLines ? lines.size() - kLogLines : 0;
  constexpr std::size_t kLineBytes = 200;
  for (std::size_t i = first; i < lines.size(); ++i) {
    tail += "\n  " + EscapeName(CutBytes(lines[i], kLineBytes));
  }
  return tail;
}

using Value = std::optional<double> (*)(const TreeSample&);

// Least values in equal parts of the time after the warm-up, without the end.
GrowthRun SampledGrowth(const ProgramRun& run, const Workload& workload, std::size_t parts,
                        MetricClass metric_class, Value value) {
  const double operations = workload.operations.value_or(0);
  double share = workload.warm_up > 0 && operations > 0
                     ? workload.warm_up / (workload.warm_up + operations)
                     : kWarmUpShare;
  if (metric_class == MetricClass::kNoisy) share = std::max(share, kWarmUpShare);
  const double from = run.seconds * share;
  const double to = EndOfWork(run.seconds);
  GrowthRun growth;
  growth.seconds = std::max(0.0, to - from);
  growth.operations = (workload.warm_up + operations) * growth.seconds / run.seconds;
  growth.floors.assign(parts, std::numeric_limits<double>::infinity());
  for (const TreeSample& sample : run.samples) {
    const std::optional<double> number = value(sample);
    if (!number || sample.time < from || sample.time >= to) continue;
    const auto part = static_cast<std::size_t>((sample.time - from) / growth.seconds *
                                               static_cast<double>(parts));
    double& floor = growth.floors[std::min(part, parts - 1)];
    floor = std::min(floor, *number);
  }
  if (growth.seconds < kShortestParts_s ||
      std::ranges::any_of(growth.floors, [](double floor) { return std::isinf(floor); })) {
    growth.trouble = fmt::format("it ran for {:.1f} s: too short to be sampled", run.seconds);
    growth.floors.clear();
  }
  return growth;
}

// Of the samples of the last third.
std::vector<double> LastThird(const ProgramRun& run, Value value) {
  std::vector<double> all;
  std::vector<double> last;
  const double to = EndOfWork(run.seconds);
  for (const TreeSample& sample : run.samples) {
    const std::optional<double> number = value(sample);
    if (!number) continue;
    all.push_back(*number);
    if (sample.time >= run.seconds * 2 / 3 && sample.time < to) last.push_back(*number);
  }
  if (!last.empty()) return last;
  // A short run: the last third of what there is.
  const std::size_t first = all.size() - (all.size() + 2) / 3;
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
}

// Frames as another checkout, and another run, has them: files below the workload's folder are
// named from there; a frozen module has one name, of which the interpreter knows two.
void MakePortable(const std::string& directory, std::vector<StackSample>* stacks) {
  constexpr std::string_view kFrozen = "<frozen ";
  const std::string prefix = directory + "/";
  for (StackSample& stack : *stacks) {
    for (model::Frame& frame : stack.frames) {
      if (frame.file.starts_with(prefix)) frame.file.erase(0, prefix.size());
      if (frame.file.starts_with(kFrozen) && frame.file.ends_with('>')) {
        frame.module = frame.file.substr(kFrozen.size(), frame.file.size() - kFrozen.size() - 1);
      }
    }
  }
}

class Measurer {
 public:
  Measurer(const Plan& plan, const MeasureOptions& options, TemporaryFolder folder)
      : plan_(plan), options_(options), folder_(std::move(folder)) {}

  Result<std::vector<Measurement>> All() {
    std::vector<Measurement> measurements(options_.sides.size());
    for (Measurement& one : measurements) {
      one.made = Rfc3339Now();
      if (options_.sides.size() == 1) {
        one.commit = HeadCommit(plan_.folder).value_or(std::string());
      }
      one.fingerprint = MachineFingerprint(fs_);
    }
    for (const Workload& workload : plan_.workloads) {
      std::vector<WorkloadSamples> samples(options_.sides.size());
      for (WorkloadSamples& one : samples) one.name = workload.name;
      MEMWHY_TRY_VOID(Plain(workload, &samples));
      if (std::ranges::any_of(samples, [](const auto& one) { return one.oom_kills > 0; })) {
        // What does not fit is not recorded: the answer is known.
        for (std::size_t i = 0; i < samples.size(); ++i) {
          measurements[i].workloads.push_back(std::move(samples[i]));
        }
        continue;
      }
      MEMWHY_TRY_VOID(Recorded(workload, RunKind::kRecorded, &samples));
      MEMWHY_TRY_VOID(Recorded(workload, RunKind::kObjects, &samples));
      for (std::size_t i = 0; i < samples.size(); ++i) {
        measurements[i].workloads.push_back(std::move(samples[i]));
      }
    }
    return measurements;
  }

 private:
  void Say(const Workload& workload, std::string_view what, int number, int of) const {
    if (options_.say) {
      options_.say(fmt::format("{}: {} {} of {}", EscapeName(workload.name), what, number, of));
    }
  }

  // A side stands in for the plan's folder; what lies elsewhere stays where it is.
  std::string DirectoryOf(const Workload& workload, const Side& side) const {
    const std::string& folder = plan_.folder;
    if (side.directory.empty()) return workload.directory;
    if (workload.directory == folder) return side.directory;
    if (!workload.directory.starts_with(folder + "/")) return workload.directory;
    return side.directory + workload.directory.substr(folder.size());
  }

  ProgramSpec SpecOf(const Workload& workload, const Side& side) {
    ProgramSpec spec;
    spec.argv = workload.command;
    spec.directory = DirectoryOf(workload, side);
    spec.environment = workload.environment;
    const auto set = [&](const std::string& name, const std::string& value) {
      if (std::ranges::none_of(spec.environment,
                               [&](const auto& one) { return one.first == name; })) {
        spec.environment.emplace_back(name, value);
      }
    };
    // The order of sets, and with it memory, depends on the seed of text's hashes.
    if (getenv("PYTHONHASHSEED") == nullptr) set("PYTHONHASHSEED", "0");
    if (!side.environment.empty()) {
      const char* path = getenv("PATH");
      const std::string before = path == nullptr ? "/usr/bin:/bin" : path;
      std::erase_if(spec.environment, [](const auto& one) { return one.first == "VIRTUAL_ENV"; });
      set("PATH", JoinPath(side.environment, "bin") + ":" + before);
      set("VIRTUAL_ENV", side.environment);
    }
    spec.timeout_s = workload.timeout_s;
    spec.log = folder_.Next(".log");
    return spec;
  }

  Result<ProgramRun> RunChecked(const Workload& workload, const ProgramSpec& spec) {
    auto run = RunProgram(spec);
    if (!run) return run.error().With("workload {}", EscapeName(workload.name));
    if (const std::string why = WhyFailed(run->status); !why.empty()) {
      return Error(fmt::format("workload {} failed: {}{}", EscapeName(workload.name), why,
                               LogTail(spec.log)));
    }
    return run;
  }

  // The number of the side whose turn it is: A B, B A, A B ...
  std::size_t Turn(int repeat, std::size_t i) const {
    return repeat % 2 == 0 ? i : options_.sides.size() - 1 - i;
  }

  Result<void> Plain(const Workload& workload, std::vector<WorkloadSamples>* samples) {
    const bool is_needed = workload.needs(RunKind::kPlain);
    const int repeats = is_needed ? workload.repeats : 0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      Say(workload, "run", repeat + 1, repeats);
      for (std::size_t i = 0; i < options_.sides.size(); ++i) {
        const std::size_t side = Turn(repeat, i);
        ProgramSpec spec = SpecOf(workload, options_.sides[side]);
        spec.samples = true;
        for (const Budget& budget : workload.budgets) {
          spec.wants.pss |= budget.metric->name == "pss";
          spec.wants.descriptors |= budget.metric->name == "descriptors";
        }
        std::optional<MemoryCgroup> cgroup;
        MEMWHY_TRY_VOID(Limit(workload, &cgroup));
        if (cgroup) spec.cgroup = cgroup->processes();
        const auto ended = RunChecked(workload, spec);
        if (cgroup && cgroup->OomKills() > 0) {
          // More runs would say the same: what it takes does not fit.
          (*samples)[side].oom_kills += cgroup->OomKills();
          continue;
        }
        if (!ended) return ended.error();
        const ProgramRun& run = *ended;
        if (run.samples.empty()) {
          return Error(fmt::format("workload {} ended before it could be looked at",
                                   EscapeName(workload.name)));
        }
        AddPlain(workload, run, &(*samples)[side]);
        if (cgroup) AddCgroup(workload, *cgroup, &(*samples)[side]);
        if (repeat == 0) MEMWHY_TRY_VOID(AddFingerprint(workload, side, run, &(*samples)[side]));
      }
    }
    if (is_needed) return {};
    for (std::size_t side = 0; side < options_.sides.size(); ++side) {
      MEMWHY_TRY_VOID(AddFingerprint(workload, side, ProgramRun(), &(*samples)[side]));
    }
    return {};
  }

  // Runs go on without the limit where none can be set, but not where a budget needs it.
  Result<void> Limit(const Workload& workload, std::optional<MemoryCgroup>* cgroup) {
    if (!workload.memory_limit) return {};
    auto made = MemoryCgroup::Make(RoundToBytes(*workload.memory_limit));
    if (made) {
      cgroup->emplace(*std::move(made));
      return {};
    }
    const bool is_needed = std::ranges::any_of(workload.budgets, [](const Budget& budget) {
      return budget.metric->name == "cgroup_peak";
    });
    if (is_needed) {
      return made.error().With("workload {} cannot run under its memory_limit",
                               EscapeName(workload.name));
    }
    if (!has_said_no_limit_ && options_.say) {
      options_.say("memory_limit is judged, but not set: " + made.error().message());
    }
    has_said_no_limit_ = true;
    return {};
  }

  static void AddCgroup(const Workload& workload, const MemoryCgroup& cgroup,
                        WorkloadSamples* samples) {
    const bool is_wanted = std::ranges::any_of(workload.budgets, [](const Budget& budget) {
      return budget.metric->name == "cgroup_peak";
    });
    const auto peak = cgroup.Peak();
    if (is_wanted && peak) {
      samples->metrics["cgroup_peak"].levels.push_back(static_cast<double>(*peak));
    }
  }

  Result<void> AddFingerprint(const Workload& workload, std::size_t side, const ProgramRun& run,
                              WorkloadSamples* samples) {
    const ProgramSpec spec = SpecOf(workload, options_.sides[side]);
    samples->fingerprint.merge(VariablesFingerprint(spec));
    // The paths of two sides differ by purpose.
    if (options_.sides.size() > 1) samples->fingerprint.erase("variables.PYTHONPATH");
    std::string python = run.python;
    if (python.empty() && Basename(workload.command.front()).starts_with("python")) {
      python = workload.command.front();
    }
    if (python.empty()) return {};
    auto parts = PythonFingerprint(python, spec);
    if (parts) samples->fingerprint.merge(*parts);
    return {};
  }

  void AddPlain(const Workload& workload, const ProgramRun& run, WorkloadSamples* samples) {
    for (const Budget& budget : workload.budgets) {
      const Metric& metric = *budget.metric;
      if (metric.run != RunKind::kPlain || metric.name == "cgroup_peak") continue;
      MetricSamples& of = samples->metrics[std::string(metric.name)];
      if (metric.name == "rss_peak") {
        of.levels.push_back(static_cast<double>(run.rss_peak));
        continue;
      }
      const Value value = ValueOf(metric.name);
      const std::vector<double> last = LastThird(run, value);
      if (!last.empty()) {
        of.levels.push_back(metric.metric_class == MetricClass::kExact
                                ? *std::ranges::min_element(last)
                                : Median(last));
      }
      if (!budget.judges_growth()) continue;
      const bool is_exact = metric.metric_class == MetricClass::kExact;
      of.growth.push_back(SampledGrowth(run, workload, is_exact ? kGrowthParts : kNoisyParts,
                                        metric.metric_class, value));
    }
  }

  static Value ValueOf(std::string_view metric) {
    if (metric == "pss") {
      return [](const TreeSample& sample) -> std::optional<double> {
        if (!sample.look.pss) return std::nullopt;
        return static_cast<double>(*sample.look.pss);
      };
    }
    if (metric == "descriptors") {
      return [](const TreeSample& sample) -> std::optional<double> {
        if (!sample.look.descriptors) return std::nullopt;
        return static_cast<double>(*sample.look.descriptors);
      };
    }
    if (metric == "threads") {
      return [](const TreeSample& sample) -> std::optional<double> {
        return static_cast<double>(sample.look.threads);
      };
    }
    return [](const TreeSample& sample) -> std::optional<double> {
      return static_cast<double>(sample.look.rss);
    };
  }

  Result<void> Recorded(const Workload& workload, RunKind kind,
                        std::vector<WorkloadSamples>* samples) {
    if (!workload.needs(kind)) return {};
    for (int repeat = 0; repeat < kRecordings; ++repeat) {
      Say(workload, "recording", repeat + 1, kRecordings);
      for (std::size_t i = 0; i < options_.sides.size(); ++i) {
        const std::size_t side = Turn(repeat, i);
        ProgramSpec spec = SpecOf(workload, options_.sides[side]);
        const std::string session = folder_.Next(".mwy");
        std::vector<std::string> recorder = {"/proc/self/exe", "run", "-o", session};
        if (kind == RunKind::kObjects) recorder.emplace_back("--objects");
        recorder.emplace_back("--");
        spec.argv.insert(spec.argv.begin(), recorder.begin(), recorder.end());
        MEMWHY_TRY(const ProgramRun run, RunChecked(workload, spec));
        auto added = AddRecording(workload, kind, session, spec.directory, &(*samples)[side]);
        if (!added) {
          return added.error().With("workload {}", EscapeName(workload.name));
        }
        std::error_code ignored;
        std::filesystem::remove_all(session, ignored);
      }
    }
    return {};
  }

  static Result<void> AddRecording(const Workload& workload, RunKind kind, const std::string& path,
                                   const std::string& directory, WorkloadSamples* samples) {
    MEMWHY_TRY(const auto session, session::Session::Open(path));
    const bool is_seen =
        std::ranges::any_of(session->recording().processes,
                            [](const model::Process& one) { return !one.python.empty(); });
    if (!is_seen) return Error("no CPython of it could be recorded");
    const Blocks which = kind == RunKind::kObjects ? Blocks::kPython : Blocks::kHeap;
    MEMWHY_TRY(
        BlockNumbers numbers,
        ReadBlockNumbers(*session, which, {workload.mark, workload.warm_up, workload.operations}));
    for (std::vector<StackSample>* stacks : {&numbers.peak, &numbers.growing}) {
      MakePortable(directory, stacks);
    }
    for (const Budget& budget : workload.budgets) {
      if (budget.metric->run != kind) continue;
      const std::string_view name = budget.metric->name;
      MetricSamples& of = samples->metrics[std::string(name)];
      const bool is_blocks = name == "heap_blocks" || name == "python_blocks";
      if (name == "heap_peak") {
        of.levels.push_back(numbers.peak_bytes);
      } else if (name == "heap_allocated") {
        of.levels.push_back(numbers.allocated_bytes);
      } else {
        of.levels.push_back(is_blocks ? numbers.live_blocks : numbers.live_bytes);
        if (budget.judges_growth()) of.growth.push_back(is_blocks ? numbers.blocks : numbers.bytes);
      }
    }
    if (kind == RunKind::kRecorded || samples->peak.empty()) samples->peak = numbers.peak;
    // Objects name the line that leaks; of arenas only who asked for the last one is known.
    if (kind == RunKind::kObjects || samples->growing.empty()) samples->growing = numbers.growing;
    return {};
  }

  const Plan& plan_;
  const MeasureOptions& options_;
  TemporaryFolder folder_;
  const RealFileSystem fs_;
  bool has_said_no_limit_ = false;
};

}  // namespace

Result<std::vector<Measurement>> Measure(const Plan& plan, const MeasureOptions& options) {
  MEMWHY_TRY(auto folder, TemporaryFolder::Make());
  return Measurer(plan, options, std::move(folder)).All();
}

}  // namespace memwhy::gate
