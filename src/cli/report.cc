// SPDX-License-Identifier: Apache-2.0
//
// memwhy report: the verdict of a session with everything behind it, as one HTML file.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/open_session.h"
#include "cli/report_page.h"
#include "diagnose/session_diagnosis.h"
#include "report/verdict/findings_json.h"

namespace memwhy::cli {
namespace {

struct ReportOptions {
  std::string session;
  std::string output;
  std::string from;
  std::string to;
  bool json = false;
};

int RunReport(const ReportOptions& options) {
  const auto range = ParseTimeRange(options.from, options.to);
  if (!range) return Fail(kExitUsage, range.error().message());
  const auto session = OpenSession(options.session);
  if (!session) return Fail(kExitUsage, session.error().message());
  diagnose::Window window;
  if (!options.from.empty()) window.from = range->from;
  window.to = range->to;
  const auto diagnosis = diagnose::DiagnoseSession(**session, window);
  if (!diagnosis) return Fail(kExitEnvironment, diagnosis.error().message());
  const auto written = WriteReport(**session, *diagnosis, options.output);
  if (!written) return Fail(kExitEnvironment, written.error().message());
  if (options.json) {
    PrintLine("{}", report::DumpJson(report::FindingsJson((*session)->recording(),
                                                          diagnosis->verdict, diagnosis->ledgers)));
  } else {
    PrintLine("{}", options.output);
  }
  return kExitOk;
}

void AddReportCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand("report", "A session's verdict as one HTML file");
  command->add_option("session", options->session, "A session directory")->required();
  command->add_option("-o,--output", options->output, "The file to write")
      ->type_name("FILE.html")
      ->required();
  command->add_option("--from", options->from, "Start of the window (default: after the warm-up)");
  command->add_option("--to", options->to, "End of the window (default: the end)");
  command->add_flag("--json", options->json, "Print memwhy.findings/1 as well");
  command->callback([=] { *exit_code = RunReport(*options); });
}

const CommandRegistrar kReportRegistrar("report", AddReportCommand);

}  // namespace
}  // namespace memwhy::cli
