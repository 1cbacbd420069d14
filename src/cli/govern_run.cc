// SPDX-License-Identifier: Apache-2.0
//
// memwhy govern run and replay: the closed loop, and its decisions again.
#include "cli/govern_run.h"

#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/output_file.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "govern/plan/govern_plan.h"
#include "govern/pressure/controller_json.h"
#include "govern/supervisor/decision_log.h"
#include "govern/supervisor/supervisor.h"

namespace memwhy::cli {
namespace {

struct GovernRunOptions {
  std::string config;
  std::string json;
  double for_s = 0;
  bool only_check = false;
};

struct ReplayOptions {
  std::string log;
  bool json = false;
};

template <typename T>
nlohmann::json OrUnknown(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json SummaryJson(const govern::GovernPlan& plan, const govern::SuperviseResult& result) {
  const govern::GovernStatus& last = result.last;
  return {{"schema", "memwhy.govern.run/1"},
          {"session", nullptr},
          {"acts", plan.acts},
          {"seconds", result.seconds},
          {"exit_code", OrUnknown(result.exit_code)},
          {"ticks", last.ticks},
          {"cuts", last.cuts},
          {"raises", last.raises},
          {"reversals", last.reversals},
          {"escalations", last.escalations},
          {"oom_kills", last.input.oom_kills},
          {"rebalances", last.rebalances_s},
          {"slowest_effect_ms", OrUnknown(last.slowest_effect_ms)},
          {"cpu_seconds", last.busy_s},
          {"slowest_tick_ms", last.slowest_tick_ms},
          {"failed_log_lines", last.failed_log_lines},
          {"last", govern::DecisionJson(last.decision)}};
}

int RunGovern(const GovernRunOptions& options) {
  const auto plan = govern::LoadGovernPlan(options.config);
  if (!plan) return Fail(kExitUsage, plan.error().message());
  if (options.only_check) {
    PrintLine("{}: {} signals, {} actuators, {} steps; mode {}", options.config,
              plan->signals.size(), plan->actuators.size(), plan->remedies.size(),
              plan->acts ? "act" : "shadow");
    return kExitOk;
  }
  govern::SuperviseOptions supervise;
  supervise.program = ProgramArguments();
  supervise.for_s = options.for_s;
  if (!plan->acts) Warn("mode is shadow: decides and logs, and turns nothing");
  const auto result = govern::Supervise(*plan, supervise);
  if (!result) return Fail(kExitEnvironment, result.error().message());
  if (!options.json.empty()) {
    const auto written =
        WriteOutputFile(options.json, EscapeJson(SummaryJson(*plan, *result).dump(2)) + "\n");
    if (!written) return Fail(kExitEnvironment, written.error().message());
  }
  return result->exit_code.value_or(kExitOk);
}

int RunReplay(const ReplayOptions& options) {
  const auto result = govern::ReplayLog(options.log);
  if (!result) return Fail(kExitUsage, result.error().message());
  if (options.json) {
    const nlohmann::json json = {
        {"schema", "memwhy.govern.replay/1"},
        {"session", nullptr},
        {"parts", result->parts},
        {"ticks", result->ticks},
        {"cuts", result->cuts},
        {"raises", result->raises},
        {"different", result->different},
        {"unread_lines", result->unread},
        {"first_difference", result->first_difference.empty()
                                 ? nlohmann::json(nullptr)
                                 : nlohmann::json(result->first_difference)}};
    PrintLines(stdout, EscapeJson(json.dump(2)) + "\n");
  } else {
    PrintLine("{} decisions in {} parts: {} cuts, {} raises", FormatCount(result->ticks),
              result->parts, result->cuts, result->raises);
    if (result->unread != 0) PrintLine("{} lines are no records", result->unread);
    if (result->different == 0) {
      PrintLine("{}", "each comes out again as the log has it");
    } else {
      PrintLine("{} come out otherwise; {}", FormatCount(result->different),
                result->first_difference);
    }
  }
  return result->different == 0 ? kExitOk : kExitFinding;
}

}  // namespace

void AddGovernRun(CLI::App& govern, int* exit_code) {
  const auto options = std::make_shared<GovernRunOptions>();
  CLI::App* run = govern.add_subcommand("run", "Keep a server within its memory: [-- PROGRAM]");
  run->add_option("-c,--config", options->config, "What is watched and what may be turned")
      ->type_name("FILE")
      ->default_val("govern.yaml");
  run->add_option("--for", options->for_s, "Stop after this time, and the program, too")
      ->type_name("SECONDS")
      ->check(NotNegative());
  run->add_flag("--check", options->only_check, "Only read the file and say what is in it");
  run->add_option("--json", options->json, "Write memwhy.govern.run/1 at the end")
      ->type_name("FILE");
  run->callback([options, exit_code] { *exit_code = RunGovern(*options); });

  const auto replay_options = std::make_shared<ReplayOptions>();
  CLI::App* replay = govern.add_subcommand("replay", "Make the decisions of a log again");
  replay->add_option("log", replay_options->log, "A log of memwhy govern run")
      ->type_name("LOG")
      ->required();
  replay->add_flag("--json", replay_options->json, "Print memwhy.govern.replay/1");
  replay->callback([replay_options, exit_code] { *exit_code = RunReplay(*replay_options); });
}

}  // namespace memwhy::cli
