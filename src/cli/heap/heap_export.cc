// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap export: a dump as a file that other programs open.
#include <fmt/core.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/open_dump.h"
#include "export/heap/hprof.h"
#include "export/heap/v8_snapshot.h"

namespace memwhy::cli {
namespace {

struct HeapExportOptions {
  std::string dump;
  std::string output;
  std::string format;
};

Result<void> Write(const model::ObjectGraph& graph, const std::string& format,
                   const std::string& path) {
  MEMWHY_TRY(exports::FileSink sink, exports::FileSink::Open(path));
  return format == "hprof" ? exports::WriteHprof(graph, sink)
                           : exports::WriteV8Snapshot(graph, sink);
}

int RunHeapExport(HeapExportOptions options) {
  if (options.format.empty()) {
    for (const char* format : {"hprof", "heapsnapshot"}) {
      if (EndsWith(options.output, std::string(".") + format)) options.format = format;
    }
  }
  if (options.format.empty()) {
    return Fail(kExitUsage, fmt::format("{} names no format: end it with .hprof or .heapsnapshot, "
                                        "or give --format",
                                        options.output));
  }
  const auto opened = OpenDump(options.dump);
  if (!opened) return Fail(kExitUsage, opened.error().message());
  const model::ObjectGraph& graph = (*opened)->graph;
  if (!graph.damage().empty()) {
    Warn("{} is damaged, the export ends where it does: {}", options.dump, graph.damage());
  }
  const auto written = Write(graph, options.format, options.output);
  if (!written) return Fail(kExitEnvironment, written.error().message());
  struct stat status{};
  if (stat(options.output.c_str(), &status) != 0) status = {};
  PrintLine("{}  {}", options.output, FormatBytes(static_cast<Bytes>(status.st_size)));
  return kExitOk;
}

void AddExport(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapExportOptions>();
  CLI::App* command =
      heap.add_subcommand("export", "Convert a dump for VisualVM, Eclipse MAT or Chrome DevTools");
  command->add_option("dump", options->dump, "A heap dump (memwhy heap dump)")
      ->required()
      ->type_name("DUMP");
  command->add_option("-o,--output", options->output, "File to make: x.hprof, x.heapsnapshot")
      ->required()
      ->type_name("FILE");
  command->add_option("--format", options->format, "The format (default: by the file's name)")
      ->check(CLI::IsMember({"hprof", "heapsnapshot"}));
  command->callback([=] { *exit_code = RunHeapExport(*options); });
}

const HeapCommandRegistrar kHeapExportRegistrar(9, AddExport);

}  // namespace
}  // namespace memwhy::cli
