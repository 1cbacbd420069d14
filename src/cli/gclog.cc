// SPDX-License-Identifier: Apache-2.0
//
// memwhy gclog: what the debug text of CPython's garbage collector says.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/gc_summary.h"
#include "base/output_file.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "cli/open_session.h"
#include "cli/view_options.h"
#include "readers/gc_log_reader.h"
#include "report/gclog/gclog_json.h"
#include "report/gclog/gclog_text.h"

namespace memwhy::cli {
namespace {

constexpr const char* kStandard = "-";  // stdin, stdout

struct GclogOptions {
  std::string file;
  std::string json;  // a file, "-", or "" without --json
  bool keeps_shutdown = false;
  std::size_t top = 10;
};

// "" or why the rest could not be read.
std::string ReadAll(int fd, readers::GcLogReader* reader) {
  std::vector<char> buffer(std::size_t{256} << 10);
  while (true) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count == 0) return "";
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::strerror(errno);
    reader->Feed({buffer.data(), static_cast<std::size_t>(count)});
  }
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

int RunGclog(GclogOptions options) {
  // "--json FILE": the option's value is optional, so it takes the log for its file.
  if (options.file.empty() && !options.json.empty() && options.json != kStandard) {
    options.file = options.json;
    options.json = kStandard;
  }
  if (options.file.empty()) return Fail(kExitUsage, "gclog needs a FILE, or - for stdin");
  UniqueFd file;
  if (options.file != kStandard) {
    auto opened = OpenLog(options.file, "a gc log", "the file that the program's stderr went to");
    if (!opened) return Fail(kExitUsage, opened.error().message());
    file = *std::move(opened);
  }
  const bool is_json = !options.json.empty();
  const bool prints_text = options.json != kStandard;
  std::FILE* out = stdout;
  std::optional<OutputFile> output;
  std::unique_ptr<std::FILE, CloseFile> json_file;
  if (is_json && prints_text) {
    auto opened = OutputFile::Open(options.json);
    if (!opened) {
      return Fail(kExitEnvironment, opened.error().message() + "; choose another place for --json");
    }
    output.emplace(*std::move(opened));
    json_file.reset(fdopen(fcntl(output->fd(), F_DUPFD_CLOEXEC, 0), "w"));
    out = json_file.get();
    if (out == nullptr) return Fail(kExitEnvironment, "no file descriptor is left for --json");
  }
  report::GcLogJson json([out](std::string_view text) { PrintLines(out, text); });
  readers::GcBlocks::OnObject on_object;
  if (is_json) on_object = [&](const model::GcObject& object) { json.Object(object); };
  readers::GcLogReader reader(options.keeps_shutdown, on_object);
  if (is_json) json.Begin(options.file);
  const std::string damage = ReadAll(file ? file.get() : STDIN_FILENO, &reader);
  const model::GcLog log = reader.Finish();
  const analysis::GcSummary summary = analysis::SummarizeGcLog(log);
  if (is_json) json.End(log, summary, damage);
  if (prints_text) PrintOut(report::GcLogText(options.file, log, summary, options.top));
  if (json_file && (std::ferror(out) != 0 || std::fflush(out) != 0 || !output->Finish())) {
    return Fail(kExitEnvironment, fmt::format("{} could not be written: {}; is the disk full?",
                                              options.json, std::strerror(errno)));
  }
  if (!damage.empty()) {
    return Fail(kExitEnvironment,
                fmt::format("gc log {} was read up to line {} only: {}; copy it to a file that can "
                            "be read and try again",
                            options.file, log.lines, damage));
  }
  return kExitOk;
}

void AddGcLogCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<GclogOptions>();
  CLI::App* command =
      app.add_subcommand("gclog", "Explain the garbage collector's log (gc.set_debug)");
  command->add_option("file", options->file, "The log, - for stdin")->type_name("FILE");
  CLI::Option* json = command
                          ->add_option_function<std::string>(
                              "--json",
                              [options](const std::string& file) {
                                options->json = file.empty() ? kStandard : file;
                              },
                              "Write memwhy.gclog/1 to FILE; without FILE to stdout, and no text")
                          ->type_name("[FILE]")
                          ->expected(0, 1);
  json->trigger_on_parse();
  command->add_flag("--keep-shutdown", options->keeps_shutdown,
                    "List the collections and objects of the interpreter's exit, too");
  command->add_option("--top", options->top, "Types shown (default: 10)")
      ->check(WholeNumber())
      ->type_name("N");
  command->callback([options, exit_code] { *exit_code = RunGclog(*options); });
}

const CommandRegistrar kGclogRegistrar("gclog", AddGcLogCommand);

}  // namespace
}  // namespace memwhy::cli
