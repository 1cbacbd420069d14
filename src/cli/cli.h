// SPDX-License-Identifier: Apache-2.0
//
// What the command files share. One command per file: it defines a function that adds its
// sub-command to the application and a static registrar, and nobody else needs to know it:
//
//   void AddStatsCommand(CLI::App& app, int* exit_code) {
//     auto options = std::make_shared<Options>();
//     CLI::App* command = app.add_subcommand("stats", "Bytes by allocation site");
//     command->add_option("session", options->session, "SESSION")->required();
//     command->callback([=] { *exit_code = Run(*options); });
//   }
//   const CommandRegistrar kRegistrar("stats", AddStatsCommand);
//
// main.cc links the whole folder, so every registrar is there, and splits the command line at the
// first "--": what follows is the program to run (ProgramArguments), never parsed by us.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace memwhy::cli {

// Exit codes of every command (findings.md, docs/formats/README.md).
inline constexpr int kExitOk = 0;
inline constexpr int kExitFinding = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitEnvironment = 3;
inline constexpr int kExitInconclusive = 4;

using AddCommand = void (*)(CLI::App& app, int* exit_code);

class CommandRegistrar {
 public:
  // `name` places the command in the help text; it must live for ever.
  CommandRegistrar(const char* name, AddCommand add);
};

struct Command {
  const char* name;
  AddCommand add;
};
// In the order of the help text.
std::vector<Command> Commands();

// What stood after "--"; empty without one.
const std::vector<std::string>& ProgramArguments();
void SetProgramArguments(std::vector<std::string> arguments);

// Writes "memwhy: MESSAGE" to stderr and returns `exit_code`.
int Fail(int exit_code, std::string_view message);

// For an option that is parsed but has no machinery behind it yet: "OPTION is not built yet; it
// comes with WHAT". Returns kExitEnvironment.
int NotBuiltYet(std::string_view option, std::string_view what);

}  // namespace memwhy::cli
