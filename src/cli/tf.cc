// SPDX-License-Identifier: Apache-2.0
//
// memwhy tf: what TensorFlow keeps. tf loads runs a script and counts around each load of a model.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/heap/open_dump.h"
#include "cli/python_program.h"
#include "cli/view_options.h"
#include "probes/tensorflow/loads_reader.h"
#include "recorder/redact/redact.h"
#include "recorder/runner.h"
#include "report/heap/tf_loads_view.h"

namespace memwhy::cli {
namespace {

struct TfLoadsOptions {
  std::string session;
  std::string python;
  bool json = false;
};

// Deleted with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr || *folder == 0 ? "/tmp" : folder) + "/memwhy.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Runs the script with the package's part around it, which leaves its answers in `folder`.
Result<void> RunCounted(const PythonProgram& program, const std::string& folder,
                        const std::string& session) {
  MEMWHY_TRY(const std::string driver, FindPackageFile("_tf_loads.py"));
  recorder::RunOptions run;
  run.session = session;
  run.argv = {program.python};
  run.argv.insert(run.argv.end(), program.options.begin(), program.options.end());
  run.argv.insert(run.argv.end(), {driver, folder});
  run.argv.insert(run.argv.end(), program.script.begin(), program.script.end());
  run.follow = "none";
  run.keeps_stdout = true;
  run.fold.is_aggregating = true;
  // The program asks this very command for its heap dumps.
  setenv("MEMWHY_BIN", OwnPath().c_str(), 1);
  MEMWHY_TRY(const auto runner, recorder::Runner::Start(std::move(run)));
  static_cast<void>(runner->RunUntil(std::numeric_limits<double>::infinity()).has_value());
  MEMWHY_TRY(const auto status, runner->Finish(recorder::Runner::StopTarget::kLetRun));
  if (status.is_signal || status.number != 0) {
    return Error::Of("the program ended before its loads could be counted ({})", status.ended);
  }
  return {};
}

report::HeldLook FindHolders(const model::TfLook& look, const std::string& folder) {
  report::HeldLook out;
  out.when = look.when;
  out.trouble = look.trouble;
  bool has_any = false;
  for (const auto& [kind, addresses] : look.survivors) {
    has_any = has_any || !addresses.empty();
    out.kinds.push_back({kind, addresses.size(), {}});
  }
  if (!has_any || !out.trouble.empty()) return out;
  const auto dump = OpenDump(folder + "/" + look.when + ".heap");
  if (!dump) {
    out.trouble = dump.error().message();
    return out;
  }
  const model::ObjectGraph& graph = (*dump)->graph;
  const analysis::HeapPaths paths(graph);
  for (std::size_t i = 0; i < out.kinds.size(); ++i) {
    out.kinds[i].held = analysis::GroupByPath(graph, paths, look.survivors[i].second);
  }
  return out;
}

int RunTfLoads(const TfLoadsOptions& options) {
  const auto program = ReadPythonProgram(ProgramArguments(), options.python);
  if (!program) return Fail(kExitUsage, "tf loads: " + program.error().message());
  if (program->script.front() != "-m" && access(program->script.front().c_str(), R_OK) != 0) {
    return Fail(kExitUsage, "tf loads: the script " + program->script.front() +
                                " is not there or cannot be read");
  }
  const TemporaryFolder folder;
  if (folder.path().empty()) {
    return Fail(kExitEnvironment, "tf loads: no folder can be made in TMPDIR or /tmp");
  }
  const std::string session =
      options.session.empty() ? folder.path() + "/loads.mwy" : options.session;
  if (const auto done = RunCounted(*program, folder.path(), session); !done) {
    return Fail(kExitEnvironment, "tf loads: " + done.error().message());
  }
  const RealFileSystem fs;
  const auto text = fs.ReadSmall(folder.path() + "/loads.json");
  if (!text) {
    return Fail(kExitEnvironment,
                "tf loads: the program ended before its loads could be counted (it replaced or "
                "ended itself)");
  }
  const auto loads = probes::ReadTfLoads(*text);
  if (!loads) return Fail(kExitEnvironment, "tf loads: loads.json: " + loads.error().message());
  if (!loads->error.empty()) return Fail(kExitEnvironment, "tf loads: " + loads->error);
  if (loads->loads.empty()) {
    const std::string why =
        loads->tensorflow.empty()
            ? "the script has not imported TensorFlow"
            : "the script has loaded no model by tf.saved_model.load, load_model or TFSMLayer";
    const std::string failed =
        loads->failed == 0 ? "" : "; " + std::to_string(loads->failed) + " loads failed";
    return Fail(kExitEnvironment, "tf loads: " + why + failed);
  }
  report::ShownTfLoads shown;
  shown.loads = &*loads;
  shown.target = recorder::CommandText(ProgramArguments(), false);
  for (const model::TfLook& look : loads->looks) {
    shown.looks.push_back(FindHolders(look, folder.path()));
  }
  if (options.json) {
    PrintOut(report::TfLoadsJson(shown) + "\n");
  } else {
    PrintOut(report::TfLoadsText(shown));
  }
  if (loads->exit_status != 0) {
    return Fail(kExitEnvironment, "tf loads: the script ended with exit code " +
                                      std::to_string(loads->exit_status) +
                                      "; what it had loaded until then is shown");
  }
  return kExitOk;
}

void AddTf(CLI::App& app, int* exit_code) {
  CLI::App* tf = app.add_subcommand("tf", "What TensorFlow keeps: memwhy tf loads -- SCRIPT");
  tf->require_subcommand(1);
  const auto options = std::make_shared<TfLoadsOptions>();
  CLI::App* command =
      tf->add_subcommand("loads", "What each load of a model adds, what frees it, who holds it");
  command
      ->add_option("--python", options->python,
                   "Interpreter of a script that is given alone (default: python3)")
      ->type_name("PYTHON");
  command->add_option("-o,--output", options->session, "Keep the recording as this session")
      ->type_name("SESSION");
  command->add_flag("--json", options->json, "Print memwhy.tf.loads/1");
  command->footer(
      "The script follows after --: SCRIPT.py ARGS, or PYTHON [OPTIONS] SCRIPT ARGS.\n"
      "Its output goes to stderr. Exit status: 0; 2 usage, 3 there is no TensorFlow\n"
      "that can be looked at, no model was loaded, or the script failed.");
  command->callback([options, exit_code] { *exit_code = RunTfLoads(*options); });
}

const CommandRegistrar kTfRegistrar("tf", AddTf);

}  // namespace
}  // namespace memwhy::cli
