// SPDX-License-Identifier: Apache-2.0
//
// memwhy: one sub-command per file of this folder (cli.h says how they hook in).
#include <malloc.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "base/terminal_text.h"
#include "cli/cli.h"
#include "cli/help_text.h"
#include "cli/memory_bound.h"
#include "cli/unexpected.h"
#include "cli/usage_error.h"
#include "recorder/inherited_files.h"
#include "recorder/signals/file_size_signal.h"

namespace memwhy::cli {
namespace {

// Arrays over a whole heap graph go back to the system when they are freed. Left alone, glibc takes
// the first one that is freed for a sign to keep the next ones, between which holes are left.
void ReturnLargeBlocks() {
  constexpr int kLargeBytes = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);
}

int Main(int argc, char** argv) {
  recorder::ReserveStandardFiles();
  recorder::IgnoreFileSizeSignal();
  ReturnLargeBlocks();
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator != arguments.end()) {
    SetProgramArguments(std::vector<std::string>(separator + 1, arguments.end()));
    arguments.erase(separator, arguments.end());
  }

  CLI::App app("Says why the memory of a running Python service grows, with evidence.", "memwhy");
  app.set_version_flag("--version", std::string("memwhy ") + MEMWHY_VERSION);
  app.formatter(std::make_shared<HelpText>());
  app.require_subcommand(1);
  int exit_code = kExitOk;
  for (const Command& command : Commands()) command.add(app, &exit_code);

  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const auto chosen = app.get_subcommands();
    const std::string name = chosen.empty() ? "memwhy" : "memwhy " + chosen.front()->get_name();
    Fail(kExitUsage, UsageMessage(app, error));
    PrintLines(stderr, "Try '" + name + " --help'.\n");
    return kExitUsage;
  }
  std::fflush(stdout);
  return exit_code;
}

}  // namespace
}  // namespace memwhy::cli

int main(int argc, char** argv) {
  std::set_terminate(memwhy::cli::EndByException);
  try {
    return memwhy::cli::Main(argc, argv);
  } catch (...) {
    return memwhy::cli::FailByException();
  }
}
