// SPDX-License-Identifier: Apache-2.0
//
// memwhy explain: the ledgers of a session at its start and end, or of a live process now.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/growth_shape.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/open_session.h"
#include "model/ledger/build_ledger.h"
#include "monitor/live_ledger.h"
#include "monitor/tree_ledger.h"
#include "report/ledger/ledger_json.h"
#include "report/ledger/ledger_rows.h"
#include "report/ledger/ledger_text.h"
#include "report/parts/wrap.h"

namespace memwhy::cli {
namespace {

struct ExplainOptions {
  std::string subject;
  bool tree = false;
  bool json = false;
};

struct ProcessLedgers {
  std::uint32_t pid = 0;
  std::vector<model::Ledger> ledgers;
};

report::Json ExplainDocument(const model::Recording& recording,
                             const std::vector<ProcessLedgers>& all) {
  report::Json document = report::LedgerDocument(report::SessionJson(recording), {});
  for (const ProcessLedgers& process : all) {
    for (const model::Ledger& ledger : process.ledgers) {
      report::Json entry = report::LedgerJson(ledger);
      entry["pid"] = process.pid;
      document["ledgers"].push_back(std::move(entry));
    }
  }
  return document;
}

void PrintExplain(const model::Recording& recording, const std::vector<ProcessLedgers>& all,
                  bool json) {
  if (json) {
    PrintLine("{}", report::DumpJson(ExplainDocument(recording, all)));
    return;
  }
  for (const ProcessLedgers& process : all) {
    for (const char* account : {"rss", "cgroup"}) {
      const auto table = report::MakeLedgerTable(process.ledgers, account);
      if (!table) continue;
      const std::string title = fmt::format("{} of process {}", account, process.pid);
      PrintLines(stdout, report::LedgerText(*table, title) + "\n");
    }
  }
}

// How rss went over the recording.
analysis::GrowthCourse RssCourse(const model::Recording& recording, model::ProcessId process) {
  constexpr std::size_t kMaxPoints = 600;
  std::vector<analysis::ShapePoint> all;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.process != process) continue;
    all.push_back({sample.time, static_cast<double>(sample.rss)});
  }
  const std::size_t step = all.size() / kMaxPoints + 1;
  std::vector<analysis::ShapePoint> points;
  for (std::size_t i = 0; i < all.size(); i += step) points.push_back(all[i]);
  return analysis::ClassifyGrowth(points);
}

std::string CourseText(const analysis::GrowthCourse& course, double seconds) {
  if (course.shape == analysis::GrowthShape::kUnknown) return "";
  std::string text = fmt::format("rss over {}: {}", FormatSeconds(seconds),
                                 analysis::GrowthShapeName(course.shape));
  if (course.bytes_per_second != 0) {
    text += fmt::format(", {} per second",
                        FormatSignedBytes(static_cast<SignedBytes>(course.bytes_per_second)));
  }
  return text + "\n";
}

// How old the last pass of a program is that still runs.
std::optional<double> AgeOf(const model::Recording& recording, double pass_time) {
  if (recording.ended != "open") return std::nullopt;
  std::tm started{};
  if (strptime(recording.started.c_str(), "%Y-%m-%dT%H:%M:%S", &started) == nullptr) {
    return std::nullopt;
  }
  const double now = static_cast<double>(RealClock().WallNs()) / 1e9;
  return std::max(0.0, now - static_cast<double>(timegm(&started)) - pass_time);
}

// The first and the last pass over a process's address space.
std::vector<model::MapsPass> FirstAndLast(const model::Recording& recording,
                                          model::ProcessId process) {
  std::vector<model::MapsPass> passes;
  for (const model::MapsPass& pass : recording.maps) {
    if (pass.process != process) continue;
    if (passes.size() == 2) passes.pop_back();
    passes.push_back(pass);
  }
  if (passes.size() == 2) {
    passes.front().at = "start";
    passes.back().at = "end";
  }
  return passes;
}

int ExplainSession(const ExplainOptions& options) {
  const auto session = OpenSession(options.subject);
  if (!session) return Fail(kExitUsage, session.error().message());
  const model::Recording& recording = (*session)->recording();
  std::vector<ProcessLedgers> all;
  const std::size_t count = options.tree ? recording.processes.size()
                                         : std::min<std::size_t>(1, recording.processes.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    ProcessLedgers process{recording.processes[i].pid, {}};
    for (const model::MapsPass& pass : FirstAndLast(recording, model::ProcessId{i})) {
      auto ledgers = model::BuildLedgers(**session, pass);
      if (!ledgers) return Fail(kExitEnvironment, ledgers.error().message());
      process.ledgers.insert(process.ledgers.end(), ledgers->begin(), ledgers->end());
    }
    if (!process.ledgers.empty()) all.push_back(std::move(process));
  }
  if (all.empty()) {
    return Fail(kExitEnvironment, fmt::format("{}: no pass over the address space was recorded, so "
                                              "there is nothing to balance",
                                              options.subject));
  }
  const auto& last = all.front().ledgers.back();
  const std::optional<double> age = AgeOf(recording, last.time);
  if (options.json) {
    report::Json document = ExplainDocument(recording, all);
    document["age_seconds"] = age ? report::Json(*age) : report::Json(nullptr);
    document["growth"] = report::Json::array();
    for (std::uint32_t i = 0; i < count; ++i) {
      const auto course = RssCourse(recording, model::ProcessId{i});
      if (course.shape == analysis::GrowthShape::kUnknown) continue;
      document["growth"].push_back({{"pid", recording.processes[i].pid},
                                    {"account", "rss"},
                                    {"shape", analysis::GrowthShapeName(course.shape)},
                                    {"confidence", course.confidence},
                                    {"bytes_per_second", course.bytes_per_second}});
    }
    PrintLine("{}", report::DumpJson(document));
    return kExitOk;
  }
  PrintExplain(recording, all, false);
  PrintLines(stdout, CourseText(RssCourse(recording, model::ProcessId{0}), recording.seconds));
  if (age) {
    Warn("the program still runs and this is {} old; \"memwhy explain {}\" looks at it now",
         FormatSeconds(*age), all.front().pid);
  }
  return kExitOk;
}

report::Json MemberJson(const monitor::TreeMember& member) {
  const auto known = [](const std::optional<Bytes>& bytes) {
    return bytes ? report::Json(*bytes) : report::Json(nullptr);
  };
  return report::Json{{"pid", member.pid},
                      {"parent", member.parent},
                      {"name", member.name},
                      {"program", member.label},
                      {"rss", member.rss},
                      {"pss", known(member.pss)},
                      {"pss_anon", known(member.pss_anon)},
                      {"pss_file", known(member.pss_file)},
                      {"pss_shmem", known(member.pss_shmem)},
                      {"uss", known(member.uss)},
                      {"swap", known(member.swap)}};
}

void PrintTree(const monitor::TreeLook& tree) {
  const auto shown = [](const std::optional<Bytes>& bytes) {
    return bytes ? FormatBytes(*bytes) : std::string("unknown");
  };
  std::string text = fmt::format("{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}  {}\n", "pid", "rss", "pss",
                                 "anon", "file", "shmem", "program");
  monitor::TreeMember sum;
  sum.pss = sum.pss_anon = sum.pss_file = sum.pss_shmem = 0;
  for (const monitor::TreeMember& member : tree.members) {
    text += fmt::format("{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}  {}\n", member.pid,
                        FormatBytes(member.rss), shown(member.pss), shown(member.pss_anon),
                        shown(member.pss_file), shown(member.pss_shmem),
                        CutBytes(EscapeName(member.label), 19));
    sum.rss += member.rss;
    *sum.pss += member.pss.value_or(0);
    *sum.pss_anon += member.pss_anon.value_or(0);
    *sum.pss_file += member.pss_file.value_or(0);
    *sum.pss_shmem += member.pss_shmem.value_or(0);
  }
  text +=
      fmt::format("{:>8} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "sum", FormatBytes(sum.rss),
                  shown(sum.pss), shown(sum.pss_anon), shown(sum.pss_file), shown(sum.pss_shmem));
  text += report::Wrap("",
                       "pss divides pages that processes share among them; rss counts them "
                       "once per process. anon, file and shmem are parts of pss.");
  for (const std::string& note : tree.notes) text += report::Wrap("  ", EscapeName(note) + ".");
  PrintLines(stdout, text + "\n");
}

int ExplainTree(const ExplainOptions& options, pid_t pid) {
  const RealFileSystem fs;
  const auto tree = monitor::LookAtTree(fs, pid);
  if (!tree) return Fail(kExitEnvironment, tree.error().message());
  model::Recording recording;
  std::vector<ProcessLedgers> all;
  for (const monitor::TreeMember& member : tree->members) {
    auto look = monitor::LookAtProcess(fs, member.pid);
    // It may have ended meanwhile, or be another user's.
    if (!look) continue;
    if (member.pid == pid) recording = look->recording;
    std::erase_if(look->ledgers,
                  [](const model::Ledger& ledger) { return ledger.account == "cgroup"; });
    all.push_back({static_cast<std::uint32_t>(member.pid), std::move(look->ledgers)});
  }
  const auto number = static_cast<std::uint32_t>(pid);
  if (tree->cgroup) all.push_back({number, {*tree->cgroup}});
  if (!options.json) {
    PrintTree(*tree);
    PrintExplain(recording,
                 {ProcessLedgers{number, tree->cgroup ? std::vector<model::Ledger>{*tree->cgroup}
                                                      : std::vector<model::Ledger>{}}},
                 false);
    return kExitOk;
  }
  report::Json document = ExplainDocument(recording, all);
  document["processes"] = report::Json::array();
  for (const monitor::TreeMember& member : tree->members) {
    document["processes"].push_back(MemberJson(member));
  }
  document["cgroup"] = report::TextOrNull(tree->cgroup_directory);
  document["notes"] = tree->notes;
  PrintLine("{}", report::DumpJson(document));
  return kExitOk;
}

int ExplainProcess(const ExplainOptions& options, pid_t pid) {
  const RealFileSystem fs;
  auto look = monitor::LookAtProcess(fs, pid);
  if (!look) return Fail(kExitEnvironment, look.error().message());
  const auto number = static_cast<std::uint32_t>(pid);
  PrintExplain(look->recording, {ProcessLedgers{number, look->ledgers}}, options.json);
  return kExitOk;
}

int RunExplain(const ExplainOptions& options) {
  const auto pid = ParseUint(options.subject);
  if (!pid || std::filesystem::exists(options.subject)) return ExplainSession(options);
  if (*pid == 0 || *pid > INT32_MAX) {
    return Fail(kExitUsage, options.subject + " is not a process id");
  }
  if (options.tree) return ExplainTree(options, static_cast<pid_t>(*pid));
  return ExplainProcess(options, static_cast<pid_t>(*pid));
}

void AddExplainCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      app.add_subcommand("explain", "Split resident memory and the cgroup's charge by owner");
  command->add_option("subject", options->subject, "A process id, or a session directory")
      ->required();
  command->add_flag("--tree", options->tree,
                    "With all descendants and their memory cgroup; of a session every process");
  command->add_flag("--json", options->json, "Print memwhy.ledger/1");
  command->callback([=] { *exit_code = RunExplain(*options); });
}

const CommandRegistrar kExplainRegistrar("explain", AddExplainCommand);

}  // namespace
}  // namespace memwhy::cli
