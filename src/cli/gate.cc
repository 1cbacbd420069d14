// SPDX-License-Identifier: Apache-2.0
//
// memwhy gate: a candidate's memory against budgets and a baseline, for CI.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/output_file.h"
#include "base/shell_word.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "gate/documents/gate_code.h"
#include "gate/documents/gate_html.h"
#include "gate/documents/gate_json.h"
#include "gate/documents/gate_junit.h"
#include "gate/documents/gate_markdown.h"
#include "gate/documents/gate_text.h"
#include "gate/documents/measurement_json.h"
#include "gate/judge/judge.h"
#include "gate/measure/git_changes.h"
#include "gate/measure/measure.h"
#include "gate/notify/message.h"
#include "gate/notify/webhook.h"
#include "gate/plan/plan.h"

namespace memwhy::cli {
namespace {

constexpr const char* kGateStdout = "-";

struct GateOptions {
  std::string plan = "memwhy.yaml";
  std::string baseline;  // "" as the plan says
  std::string json;      // a file, "-", or "" without --json
  std::string reason;
  std::vector<std::string> workloads;  // by name; empty: all
  bool is_quiet = false;
  std::string markdown;
  std::string junit;
  std::string html;
  std::string sarif;
  std::string code_quality;
  bool is_github = false;
  std::string slack;  // names of variables: their values are secrets
  std::string alertmanager;
  std::vector<std::string> sides;  // of compare
};

// The plan, with the workloads that were asked for.
Result<gate::Plan> LoadPlan(const GateOptions& options) {
  MEMWHY_TRY(gate::Plan plan, gate::LoadPlan(options.plan));
  if (!options.baseline.empty()) plan.baseline = options.baseline;
  if (options.workloads.empty()) return plan;
  std::vector<gate::Workload> chosen;
  for (const std::string& name : options.workloads) {
    const auto found = std::ranges::find(plan.workloads, name, &gate::Workload::name);
    if (found == plan.workloads.end()) {
      return Error(fmt::format("{} has no workload \"{}\"", options.plan, name));
    }
    chosen.push_back(*found);
  }
  plan.workloads = std::move(chosen);
  return plan;
}

gate::MeasureOptions MeasureOptionsOf(const GateOptions& options) {
  gate::MeasureOptions measure;
  if (!options.is_quiet) measure.say = [](std::string_view line) { Warn("{}", line); };
  return measure;
}

// The files that were asked for, each with its content.
Result<void> WriteDocuments(const gate::GateResult& result, const GateOptions& options) {
  const std::pair<const std::string&, std::string (*)(const gate::GateResult&)> documents[] = {
      {options.markdown, [](const gate::GateResult& one) { return gate::GateMarkdown(one); }},
      {options.junit, gate::GateJunit},
      {options.html, gate::GateHtml},
      {options.sarif, gate::GateSarif},
      {options.code_quality, gate::GateCodeQuality},
  };
  for (const auto& [path, make] : documents) {
    if (!path.empty()) MEMWHY_TRY_VOID(WriteOutputFile(path, make(result)));
  }
  return {};
}

// Annotations on stdout, and the summary at the end of the file that GitHub names.
Result<void> WriteForGithub(const gate::GateResult& result, bool has_stdout) {
  if (has_stdout) PrintLines(stdout, gate::GateAnnotations(result));
  const char* path = getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return {};
  const UniqueFd file(open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY));
  constexpr std::size_t kSummaryBytes = 900'000;  // GitHub drops what is beyond 1 MiB
  const std::string text = gate::GateMarkdown(result, kSummaryBytes);
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Error(fmt::format("GITHUB_STEP_SUMMARY: {} cannot be written", path));
  }
  return {};
}

// The URL in a variable. Only the name may be said.
Result<std::string> UrlOf(const std::string& variable) {
  const char* url = getenv(variable.c_str());
  if (url == nullptr || *url == '\0') {
    return Error(fmt::format("the variable {} has no URL", variable));
  }
  return std::string(url);
}

// A message that does not arrive changes no exit code.
void Notify(const gate::GateResult& result, const GateOptions& options) {
  const auto post = [](const std::string& variable, const auto& url_of, const std::string& body) {
    const auto url = UrlOf(variable);
    const auto posted = url ? gate::PostJson(url_of(*url), body) : Result<void>(url.error());
    if (!posted) Warn("no message was sent: {}", posted.error().message());
  };
  const auto as_it_is = [](const std::string& url) { return url; };
  if (!options.slack.empty() && result.state != gate::State::kPass) {
    post(options.slack, as_it_is, gate::SlackMessage(result));
  }
  if (!options.alertmanager.empty()) {
    post(options.alertmanager, gate::AlertsUrl, gate::AlertmanagerAlerts(result));
  }
}

int Report(const gate::GateResult& result, const GateOptions& options) {
  if (auto written = WriteDocuments(result, options); !written) {
    return Fail(kExitEnvironment, written.error().message());
  }
  if (!options.json.empty()) {
    const std::string document = report::DumpJson(gate::GateJson(result)) + "\n";
    if (options.json == kGateStdout) {
      PrintLines(stdout, document);
    } else if (auto written = WriteOutputFile(options.json, document); !written) {
      return Fail(kExitEnvironment, written.error().message());
    }
  }
  if (options.json != kGateStdout) PrintLines(stdout, gate::GateText(result));
  if (options.is_github) {
    // A page of a run is a help; what decides is the exit code.
    const auto written = WriteForGithub(result, options.json != kGateStdout);
    if (!written) Warn("{}", written.error().message());
  }
  std::fflush(stdout);
  Notify(result, options);
  return gate::StateExitCode(result.state);
}

// Without git, or with a commit that this clone does not have, nothing is known.
void MarkChanges(const gate::Plan& plan, const std::string& commit, gate::GateResult* result) {
  if (commit.empty()) return;
  for (gate::WorkloadResult& workload : result->workloads) {
    const auto found = std::ranges::find(plan.workloads, workload.name, &gate::Workload::name);
    if (found == plan.workloads.end() || workload.state != gate::State::kRegress) continue;
    if (const auto changed = gate::LinesSince(found->directory, commit)) {
      gate::MarkChangedLines(*changed, &workload);
    }
  }
}

// A side of a comparison: a folder, a virtual environment, or a revision of git.
Result<gate::Side> SideOf(const std::string& name, const gate::Plan& plan,
                          std::vector<gate::Checkout>* checkouts) {
  gate::Side side;
  const RealFileSystem fs;
  if (IsDirectory(name)) {
    char resolved[PATH_MAX];
    const std::string path = realpath(name.c_str(), resolved) == nullptr ? name : resolved;
    const bool is_environment =
        fs.Exists(JoinPath(path, "pyvenv.cfg")) || fs.Exists(JoinPath(path, "bin/python"));
    (is_environment ? side.environment : side.directory) = path;
    return side;
  }
  auto checkout = gate::Checkout::Make(plan.folder, name);
  if (!checkout) {
    return Error(fmt::format("{} is neither a folder nor a revision of the repository: {}", name,
                             checkout.error().message()));
  }
  side.directory = checkout->folder();
  checkouts->push_back(*std::move(checkout));
  return side;
}

int RunCompare(const GateOptions& options) {
  const auto plan = LoadPlan(options);
  if (!plan) return Fail(kExitUsage, plan.error().message());
  std::vector<gate::Checkout> checkouts;
  gate::MeasureOptions measure = MeasureOptionsOf(options);
  measure.sides.clear();
  for (const std::string& name : options.sides) {
    auto side = SideOf(name, *plan, &checkouts);
    if (!side) return Fail(kExitUsage, side.error().message());
    measure.sides.push_back(*std::move(side));
  }
  const auto measured = gate::Measure(*plan, measure);
  if (!measured) return Fail(kExitEnvironment, measured.error().message());
  gate::Plan compared = *plan;
  // Two environments differ in their libraries by purpose.
  if (!measure.sides[0].environment.empty() || !measure.sides[1].environment.empty()) {
    for (const char* part : {"libraries", "python"}) compared.ignored.emplace_back(part);
  }
  gate::GateResult result = gate::Judge(compared, &(*measured)[0], (*measured)[1]);
  result.baseline = options.sides[0];
  return Report(result, options);
}

int RunGate(const GateOptions& options) {
  const auto plan = LoadPlan(options);
  if (!plan) return Fail(kExitUsage, plan.error().message());
  const bool needs_baseline = std::ranges::any_of(
      plan->workloads, [](const gate::Workload& one) { return one.needs_baseline(); });
  std::optional<gate::Measurement> baseline;
  if (RealFileSystem().Exists(plan->baseline)) {
    auto read = gate::ReadMeasurement(plan->baseline);
    if (!read) return Fail(kExitUsage, read.error().message());
    baseline = *std::move(read);
  } else if (needs_baseline || !options.baseline.empty()) {
    return Fail(kExitUsage,
                fmt::format("there is no baseline {}: make it with memwhy gate baseline -c {}",
                            plan->baseline, ShellWord(options.plan)));
  }
  const auto measured = gate::Measure(*plan, MeasureOptionsOf(options));
  if (!measured) return Fail(kExitEnvironment, measured.error().message());
  gate::GateResult result = gate::Judge(*plan, baseline ? &*baseline : nullptr, measured->front());
  if (baseline) {
    result.baseline = plan->baseline;
    MarkChanges(*plan, baseline->commit, &result);
  }
  return Report(result, options);
}

int RunBaseline(const GateOptions& options) {
  const auto plan = LoadPlan(options);
  if (!plan) return Fail(kExitUsage, plan.error().message());
  gate::Measurement baseline;
  if (RealFileSystem().Exists(plan->baseline)) {
    if (options.reason.empty()) {
      return Fail(kExitUsage, fmt::format("{} is there already: say why it changes with --reason",
                                          plan->baseline));
    }
    // Workloads that are not measured now stay.
    if (auto old = gate::ReadMeasurement(plan->baseline); old && !options.workloads.empty()) {
      baseline = *std::move(old);
    }
  }
  auto measured = gate::Measure(*plan, MeasureOptionsOf(options));
  if (!measured) return Fail(kExitEnvironment, measured.error().message());
  gate::Measurement& now = measured->front();
  for (gate::WorkloadSamples& workload : now.workloads) {
    std::erase_if(baseline.workloads,
                  [&](const gate::WorkloadSamples& one) { return one.name == workload.name; });
    baseline.workloads.push_back(std::move(workload));
  }
  baseline.made = now.made;
  baseline.commit = now.commit;
  baseline.fingerprint = now.fingerprint;
  baseline.reason = options.reason;
  const auto written = WriteOutputFile(plan->baseline, gate::MeasurementText(baseline));
  if (!written) return Fail(kExitEnvironment, written.error().message());
  // A repository shares it: 0600 of our outputs would keep others out.
  chmod(plan->baseline.c_str(), 0644);
  PrintLine("{}", plan->baseline);
  return kExitOk;
}

void AddPlanOptions(CLI::App* command, GateOptions& options) {
  command->add_option("-c,--config", options.plan, "What is measured, and its budgets")
      ->type_name("FILE")
      ->capture_default_str();
  command
      ->add_option("--baseline", options.baseline,
                   "The baseline (default: as FILE says, else memwhy-baseline.json beside it)")
      ->type_name("FILE");
  command->add_option("-w,--workload", options.workloads, "This workload only; several times")
      ->type_name("NAME");
  command->add_flag("-q,--quiet", options.is_quiet, "No progress on stderr");
}

void AddReportOptions(CLI::App* command, const std::shared_ptr<GateOptions>& options) {
  command
      ->add_option_function<std::string>(
          "--json",
          [options](const std::string& file) { options->json = file.empty() ? kGateStdout : file; },
          "Write memwhy.gate/1 to FILE; without FILE to stdout, and no text")
      ->type_name("[FILE]")
      ->expected(0, 1)
      ->trigger_on_parse();
  const auto file = [&](const char* name, std::string& to, const char* what) {
    command->add_option(name, to, what)->type_name("FILE");
  };
  file("--html", options->html, "Write the verdict as one page without script");
  file("--markdown", options->markdown, "Write it as Markdown, for a comment");
  file("--junit", options->junit, "Write it as JUnit XML");
  file("--sarif", options->sarif, "Write broken budgets as SARIF 2.1.0");
  file("--code-quality", options->code_quality, "Write them for GitLab's code quality");
  command->add_flag("--github", options->is_github,
                    "Print annotations for GitHub, append to $GITHUB_STEP_SUMMARY");
  command
      ->add_option("--slack", options->slack,
                   "Post a message, if not all budgets hold, to the webhook in this variable")
      ->type_name("VARIABLE");
  command
      ->add_option("--alertmanager", options->alertmanager,
                   "Post alerts to the Alertmanager whose URL is in this variable")
      ->type_name("VARIABLE");
  command->footer(
      "Exit status: 0 all budgets hold (or better), 1 one is broken, 2 usage, 3 the\n"
      "environment cannot do it or a workload failed, 4 inconclusive, 5 the\n"
      "environment is not the baseline's.");
}

void AddCompareCommand(CLI::App* gate, int* exit_code) {
  const auto options = std::make_shared<GateOptions>();
  CLI::App* compare = gate->add_subcommand(
      "compare", "Measure two sides by turns: folders, Python environments or revisions of git");
  compare
      ->add_option(
          "sides", options->sides,
          "BASELINE CANDIDATE: a folder in place of the plan's, a Python environment, or a "
          "revision, which is checked out for the time")
      ->type_name("")
      ->expected(2)
      ->required();
  AddPlanOptions(compare, *options);
  compare->remove_option(compare->get_option("--baseline"));
  AddReportOptions(compare, options);
  compare->callback([options, exit_code] { *exit_code = RunCompare(*options); });
}

void AddGateCommand(CLI::App& app, int* exit_code) {
  CLI::App* gate = app.add_subcommand("gate", "Stop what takes more memory than it may, in CI");
  gate->require_subcommand(1);

  const auto run_options = std::make_shared<GateOptions>();
  CLI::App* run = gate->add_subcommand(
      "run", "Measure the workloads of memwhy.yaml and judge them by their budgets");
  AddPlanOptions(run, *run_options);
  AddReportOptions(run, run_options);
  run->callback([run_options, exit_code] { *exit_code = RunGate(*run_options); });

  AddCompareCommand(gate, exit_code);

  const auto baseline_options = std::make_shared<GateOptions>();
  CLI::App* baseline = gate->add_subcommand(
      "baseline", "Measure the workloads and write what they take to the baseline");
  AddPlanOptions(baseline, *baseline_options);
  baseline
      ->add_option("--reason", baseline_options->reason,
                   "Why the baseline changes; needed where there is one already")
      ->type_name("TEXT");
  baseline->callback(
      [baseline_options, exit_code] { *exit_code = RunBaseline(*baseline_options); });
}

const CommandRegistrar kGateRegistrar("gate", AddGateCommand);

}  // namespace
}  // namespace memwhy::cli
