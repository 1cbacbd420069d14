// SPDX-License-Identifier: Apache-2.0
//
// memwhy heap dump: every object of a live process into a file.
#include <fmt/core.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/heap/heap.h"
#include "cli/heap/heap_target.h"
#include "diagnose/native_blocks.h"
#include "recorder/dump/heap_dump.h"

namespace memwhy::cli {
namespace {

struct HeapDumpOptions {
  HeapTarget target;
  std::string output;
  bool no_scan = false;
  bool native = false;
  bool redacts = false;
};

std::string FreeName(int pid) {
  struct stat status{};
  std::string name = fmt::format("memwhy.{}.heap", pid);
  for (int i = 2; stat(name.c_str(), &status) == 0; ++i)
    name = fmt::format("memwhy.{}-{}.heap", pid, i);
  return name;
}

Result<std::vector<recorder::NativeBlock>> ReadBlocks(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string session, recorder::FindSessionOf(fs, pid));
  return diagnose::ReadNativeBlocksOf(session, pid);
}

int RunHeapDump(const HeapDumpOptions& options) {
  const RealFileSystem fs;
  recorder::HeapDumpOptions dump = options.target.DumpOptions();
  dump.output = options.output.empty() ? FreeName(options.target.pid) : options.output;
  dump.scans = !options.no_scan;
  dump.redacts = options.redacts;
  std::vector<recorder::NativeBlock> blocks;
  if (options.native) {
    auto read = ReadBlocks(fs, options.target.pid);
    if (!read) return Fail(kExitEnvironment, read.error().message());
    blocks = *std::move(read);
    dump.blocks = blocks;
  }
  const auto outcome = recorder::TakeHeapDump(fs, dump, options.target.Announcement(""));
  if (!outcome) return Fail(kExitEnvironment, outcome.error().message());
  if (options.native && !outcome->followed_blocks) {
    Warn("native memory was not followed: {}",
         blocks.empty() ? "the recording knows no live block of the process"
                        : "its list of live blocks could not be used");
  }
  Warn("pause {:.1f} ms, done after {:.2f} s", outcome->pause_ms, outcome->seconds);
  if (outcome->spared_bytes != 0) {
    Warn("{} of pinned memory without objects is left out: a clone would copy it",
         FormatBytes(static_cast<Bytes>(outcome->spared_bytes)));
  }
  PrintLine("{}  {}", dump.output, FormatBytes(static_cast<Bytes>(outcome->file_bytes)));
  return kExitOk;
}

void AddDump(CLI::App& heap, int* exit_code) {
  auto options = std::make_shared<HeapDumpOptions>();
  CLI::App* command = heap.add_subcommand("dump", "Write all objects of a live process to a file");
  options->target.AddOptions(*command);
  command->add_option("-o,--output", options->output, "File to make (default: memwhy.PID.heap)")
      ->type_name("DUMP");
  command->add_flag(
      "--no-scan", options->no_scan,
      "Do not search memory for pointers that C code has to objects (the clone ends sooner)");
  command->add_flag("--native", options->native,
                    "Follow pointers into malloc blocks that the recording knows (replays it "
                    "first: seconds for each ten million events)");
  command->add_flag("--redact", options->redacts,
                    "Replace keys and names of threads by tokens before they leave the process "
                    "(as of a process under run --redact)");
  command->callback([=] { *exit_code = RunHeapDump(*options); });
}

const HeapCommandRegistrar kHeapDumpRegistrar(0, AddDump);

}  // namespace
}  // namespace memwhy::cli
