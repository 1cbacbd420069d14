// SPDX-License-Identifier: Apache-2.0
//
// memwhy explain: the ledgers of a session at its start and end, or of a live process now.
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/live_ledger.h"
#include "cli/open_session.h"
#include "model/ledger/build_ledger.h"
#include "report/ledger/ledger_json.h"
#include "report/ledger/ledger_rows.h"
#include "report/ledger/ledger_text.h"

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

void PrintExplain(const model::Recording& recording, const std::vector<ProcessLedgers>& all,
                  bool json) {
  if (json) {
    report::Json document = report::LedgerDocument(report::SessionJson(recording), {});
    for (const ProcessLedgers& process : all) {
      for (const model::Ledger& ledger : process.ledgers) {
        report::Json entry = report::LedgerJson(ledger);
        entry["pid"] = process.pid;
        document["ledgers"].push_back(std::move(entry));
      }
    }
    PrintLine("{}", report::DumpJson(document));
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
  PrintExplain(recording, all, options.json);
  return kExitOk;
}

int ExplainProcess(const ExplainOptions& options, pid_t pid) {
  const RealFileSystem fs;
  auto look = LookAtProcess(fs, pid);
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
  if (options.tree) return NotBuiltYet("--tree of a live process", "the fleet view");
  return ExplainProcess(options, static_cast<pid_t>(*pid));
}

void AddExplainCommand(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command = app.add_subcommand("explain", "Where rss and the cgroup charge went");
  command->add_option("subject", options->subject, "A process id, or a session directory")
      ->required();
  command->add_flag("--tree", options->tree, "Every process of the session, not only the first");
  command->add_flag("--json", options->json, "Print memwhy.ledger/1");
  command->callback([=] { *exit_code = RunExplain(*options); });
}

const CommandRegistrar kExplainRegistrar("explain", AddExplainCommand);

}  // namespace
}  // namespace memwhy::cli
