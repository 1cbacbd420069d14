// SPDX-License-Identifier: Apache-2.0
//
// memwhy snapshot: what a memory snapshot of PyTorch's caching allocator says.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "analysis/device/device_summary.h"
#include "base/bytes.h"
#include "base/output_file.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/view_options.h"
#include "readers/snapshot_reader.h"
#include "report/device/snapshot_view.h"

namespace memwhy::cli {
namespace {

// Replays of fewer events than this take less than half a second.
constexpr std::size_t kReplayedWithoutAsking = 500'000;

struct SnapshotOptions {
  std::string file;
  std::string html;
  std::vector<std::string> what_if;
  std::string limit;
  std::size_t top = 20;
  bool has_what_if = false;
  bool json = false;
};

Result<model::DeviceSnapshot> ReadSnapshot(const std::string& path) {
  UniqueFd file;
  if (path != "-") {
    MEMWHY_TRY(file, OpenLog(path, "a snapshot",
                             "what torch.cuda.memory._dump_snapshot(FILE) has written"));
  }
  readers::SnapshotReader reader;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (true) {
    const ssize_t count = read(file ? file.get() : STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::FromErrno(errno, path);
    if (count == 0 || !reader.Feed({buffer.data(), static_cast<std::size_t>(count)})) break;
  }
  auto snapshot = reader.Finish();
  if (snapshot) return snapshot;
  return Error::Of(
      "{} is no snapshot of PyTorch: {}; give a file that torch.cuda.memory._dump_snapshot(FILE) "
      "has written",
      path, snapshot.error().message());
}

int RunSnapshot(const SnapshotOptions& options) {
  analysis::SummaryOptions how;
  how.what_if = options.what_if;
  if (how.what_if.empty()) {
    how.what_if.assign(std::begin(analysis::kDefaultWhatIf), std::end(analysis::kDefaultWhatIf));
  }
  if (!options.has_what_if) how.max_replayed_events = kReplayedWithoutAsking;
  if (!options.limit.empty()) {
    const auto limit = ParseBytes(options.limit);
    if (!limit) return Fail(kExitUsage, "--limit: " + limit.error().message());
    how.gc_limit = *limit;
  }
  for (const std::string& setting : how.what_if) {
    analysis::AllocatorSettings tried;
    if (const auto applied = analysis::ApplySetting(setting, &tried); !applied) {
      return Fail(kExitUsage, "--what-if: " + applied.error().message());
    }
  }
  const auto snapshot = ReadSnapshot(options.file);
  if (!snapshot) return Fail(kExitUsage, snapshot.error().message());
  if (!snapshot->damage.empty()) {
    Warn("{} is damaged: {}; what follows is what was read up to there", options.file,
         snapshot->damage);
  }
  const auto devices = analysis::SummarizeDevices(*snapshot, how);
  if (!devices) return Fail(kExitUsage, devices.error().message());
  const report::SnapshotView view{options.file, *snapshot, *devices, options.top};
  if (!options.html.empty()) {
    const auto written = WriteOutputFile(options.html, report::SnapshotHtml(view));
    if (!written) return Fail(kExitEnvironment, written.error().message());
  }
  if (options.json) {
    PrintLine("{}", report::DumpJson(report::SnapshotJson(view)));
  } else if (options.html.empty()) {
    PrintOut(report::SnapshotText(view));
  } else {
    PrintLine("{}", options.html);
  }
  return kExitOk;
}

void AddSnapshotCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<SnapshotOptions>();
  CLI::App* command =
      app.add_subcommand("snapshot", "Explain a memory snapshot of PyTorch's device allocator");
  command
      ->add_option("file", options->file,
                   "What torch.cuda.memory._dump_snapshot has written, - for stdin")
      ->required()
      ->type_name("FILE.pickle");
  command->add_option("--html", options->html, "Write a page with a map of all segments")
      ->type_name("FILE.html");
  CLI::Option* what_if =
      command
          ->add_option("--what-if", options->what_if,
                       "Replay the events under these settings of PYTORCH_CUDA_ALLOC_CONF; without "
                       "SETTINGS the usual three (default: those, up to 500,000 events)")
          ->type_name("[SETTINGS]...")
          ->expected(0, -1);
  command
      ->add_option("--limit", options->limit,
                   "The device's memory, for garbage_collection_threshold (default: the most "
                   "that was reserved)")
      ->type_name("SIZE");
  command->add_option("--top", options->top, "Lines, blocks and segments shown (default: 20)")
      ->check(WholeNumber())
      ->type_name("N");
  command->add_flag("--json", options->json, "Print memwhy.snapshot/1");
  command->callback([options, what_if, exit_code] {
    options->has_what_if = what_if->count() > 0;
    if (options->what_if == std::vector<std::string>{""}) options->what_if.clear();
    *exit_code = RunSnapshot(*options);
  });
}

const CommandRegistrar kSnapshotRegistrar("snapshot", AddSnapshotCommand);

}  // namespace
}  // namespace memwhy::cli
