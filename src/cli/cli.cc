// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include <fmt/core.h>

#include "base/terminal_text.h"

namespace memwhy::cli {
namespace {

// The order of the help text; commands not listed come last, by name.
constexpr std::string_view kOrder[] = {"run",    "diagnose",   "stats",   "explain",
                                       "report", "flamegraph", "inspect", "doctor"};

std::vector<Command>& Registry() {
  static std::vector<Command> registry;
  return registry;
}

std::vector<std::string>& Program() {
  static std::vector<std::string> program;
  return program;
}

}  // namespace

CommandRegistrar::CommandRegistrar(const char* name, AddCommand add) {
  Registry().push_back({name, add});
}

std::vector<Command> Commands() {
  std::vector<Command> commands = Registry();
  const auto rank = [](const Command& command) {
    return std::find(std::begin(kOrder), std::end(kOrder), command.name) - std::begin(kOrder);
  };
  std::sort(commands.begin(), commands.end(), [&](const Command& a, const Command& b) {
    return std::pair(rank(a), std::string_view(a.name)) <
           std::pair(rank(b), std::string_view(b.name));
  });
  return commands;
}

const std::vector<std::string>& ProgramArguments() { return Program(); }
void SetProgramArguments(std::vector<std::string> arguments) { Program() = std::move(arguments); }

int Fail(int exit_code, std::string_view message) {
  Warn("{}", message);
  return exit_code;
}

int NotBuiltYet(std::string_view option, std::string_view what) {
  return Fail(kExitEnvironment, fmt::format("{} is not built yet; it comes with {}", option, what));
}

}  // namespace memwhy::cli
