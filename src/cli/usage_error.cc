// SPDX-License-Identifier: Apache-2.0
#include "cli/usage_error.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace memwhy::cli {
namespace {

// The command that was chosen last: memwhy heap types.
const CLI::App& Innermost(const CLI::App& app) {
  const CLI::App* at = &app;
  for (auto chosen = at->get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) {
    at = chosen.front();
  }
  return *at;
}

std::string PathTo(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : PathTo(*parent) + " " + command.get_name();
}

std::string UnknownCommand(const CLI::App& app, const std::vector<std::string>& words) {
  const std::string path = PathTo(app);
  if (words.empty()) return fmt::format("{} needs a command", path);
  return fmt::format("{} has no command '{}'", path, words.front());
}

}  // namespace

std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = Innermost(app);
  const std::string text = error.what();
  if (text == "A subcommand is required") return UnknownCommand(command, app.remaining(true));
  if (text.ends_with(" is required")) {
    const std::string what = text.substr(0, text.find(" is required"));
    return fmt::format("{} needs {}", PathTo(command), what);
  }
  if (text.starts_with("The following argument")) {
    std::vector<std::string> words = app.remaining(true);
    return fmt::format("{} does not take '{}'", PathTo(command), fmt::join(words, "', '"));
  }
  constexpr std::string_view kNoNumber = "Could not convert: ";
  if (const std::size_t equals = text.find(" = ");
      text.starts_with(kNoNumber) && equals != std::string::npos) {
    return fmt::format("{}: '{}' is no number that fits",
                       text.substr(kNoNumber.size(), equals - kNoNumber.size()),
                       text.substr(equals + 3));
  }
  if (text.find(" required ") != std::string::npos && text.ends_with(" missing")) {
    return fmt::format("{} needs a value", text.substr(0, text.find(':')));
  }
  return text;
}

}  // namespace memwhy::cli
