// SPDX-License-Identifier: Apache-2.0
//
// memwhy doctor: what this machine lets memwhy do, what it does not, and what to try.
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "base/unique_fd.h"
#include "cli/cli.h"
#include "cli/number_option.h"
#include "cpython/layout.h"
#include "os/cgroup.h"
#include "os/pagemap.h"
#include "os/process.h"
#include "recorder/launcher.h"
#include "recorder/ring/ring_folder.h"
#include "report/parts/session_json.h"
#include "wire/ring.h"

namespace memwhy::cli {
namespace {

enum class State { kOk, kLimited, kNo };

struct Check {
  std::string id;
  State state = State::kOk;
  std::string says;        // what was found
  std::string advice;      // what to try; "" when all is well
  bool is_needed = false;  // recording is impossible without it
};

const char* Name(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kLimited:
      return "limited";
    case State::kNo:
      return "no";
  }
  return "";
}

std::string ReadLine(const std::string& path) {
  const auto text = RealFileSystem().ReadSmall(path);
  return text ? std::string(Trim(*text)) : std::string();
}

// Output of a program, its first line; nullopt when it did not end well.
std::optional<std::string> FirstLine(const std::vector<std::string>& argv,
                                     const std::string& preload) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return std::nullopt;
  if (pid == 0) {
    dup2(writer.get(), 1);
    dup2(writer.get(), 2);
    if (!preload.empty()) setenv("LD_PRELOAD", preload.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& argument : argv) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  writer.Reset();
  std::string output;
  char buffer[512];
  ssize_t count;
  while ((count = read(reader.get(), buffer, sizeof(buffer))) > 0) {
    if (output.size() < 4096) output.append(buffer, static_cast<std::size_t>(count));
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return std::nullopt;
  }
  return output.substr(0, output.find('\n'));
}

Check CheckKernel() {
  utsname name{};
  uname(&name);
  int major = 0;
  int minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  Check check{"kernel", State::kOk, fmt::format("Linux {} {}", name.release, name.machine), "",
              false};
  if (major < 5 || (major == 5 && minor < 3)) {
    check.state = State::kLimited;
    check.advice = "exit statuses of child processes need Linux 5.3 or later";
  }
  return check;
}

Check CheckAgent() {
  Check check{"agent", State::kOk, "", "", true};
  const auto agent = recorder::FindAgent();
  if (!agent) {
    check.state = State::kNo;
    check.says = agent.error().message();
    check.advice = "install memwhy whole, or set MEMWHY_AGENT to libmemwhy_agent.so";
    return check;
  }
  check.says = *agent;
  const auto output = FirstLine({"/bin/true"}, *agent);
  // The loader complains on stderr and goes on when it cannot preload.
  if (!output || !output->empty()) {
    check.state = State::kNo;
    check.says = fmt::format("{} cannot be loaded{}", *agent,
                             output ? ": " + *output : std::string(" (the program crashed)"));
    check.advice = "the agent and the programs must be of one architecture and C library";
  }
  return check;
}

Check CheckTrace(pid_t pid) {
  Check check{"trace", State::kOk, "", "", false};
  const std::string scope = ReadLine("/proc/sys/kernel/yama/ptrace_scope");
  if (scope.empty()) {
    check.says = "no Yama: processes of the same user can be read";
  } else if (scope == "0") {
    check.says = "ptrace_scope 0: processes of the same user can be read";
  } else if (scope == "1") {
    check.says = "ptrace_scope 1: programs started by memwhy can be read";
  } else {
    check.state = geteuid() == 0 && scope == "2" ? State::kOk : State::kLimited;
    check.says =
        fmt::format("ptrace_scope {}: reading another process needs CAP_SYS_PTRACE", scope);
    check.advice = "without it pools of the interpreter stay unread; run with CAP_SYS_PTRACE";
    if (check.state == State::kOk) check.advice.clear();
  }
  if (pid != 0 && access(fmt::format("/proc/{}/mem", pid).c_str(), R_OK) != 0) {
    check.state = State::kLimited;
    check.says =
        fmt::format("the memory of process {} cannot be read: {}", pid, std::strerror(errno));
    check.advice = "run as its user or as root";
  }
  return check;
}

Check CheckPerf() {
  const std::string level = ReadLine("/proc/sys/kernel/perf_event_paranoid");
  Check check{"perf", State::kOk, fmt::format("perf_event_paranoid {}", level), "", false};
  if (level.empty()) check.says = "no perf events in this kernel";
  if (level.empty() || (geteuid() != 0 && std::atoi(level.c_str()) > 1)) {
    check.state = State::kLimited;
    check.advice = "not needed to record; kernel events stay unseen";
  }
  return check;
}

Check CheckCgroup(pid_t pid) {
  Check check{"cgroup", State::kOk, "", "", false};
  const auto memory = os::ReadCgroupMemory(RealFileSystem(), pid == 0 ? getpid() : pid);
  if (!memory) {
    check.state = State::kLimited;
    check.says = memory.error().message();
    check.advice = "there will be no cgroup ledger; mount cgroupfs in the container";
    return check;
  }
  check.says =
      fmt::format("v{} {}, {}", memory->location.version, memory->location.path,
                  memory->limit ? "limit " + FormatBytes(*memory->limit) : std::string("no limit"));
  if (!memory->usage) {
    check.state = State::kLimited;
    check.says += ", usage unknown";
    check.advice = "the memory controller is not enabled for this cgroup";
  }
  return check;
}

Check CheckPagemap(pid_t pid) {
  Check check{"pagemap", State::kOk, "resident pages can be read", "", false};
  int local = 0;
  const auto address = reinterpret_cast<std::uint64_t>(&local);
  const auto runs = pid == 0 ? os::ReadPageRuns(getpid(), address, address + 1)
                             : [&]() -> Result<std::vector<os::PageRun>> {
    const auto opened = os::Pagemap::Open(pid);
    if (!opened) return opened.error();
    return std::vector<os::PageRun>{};
  }();
  if (!runs) {
    check.state = State::kLimited;
    check.says = runs.error().message();
    check.advice = "which pages are in memory is then known per mapping only";
  }
  return check;
}

Check CheckClock() {
  const std::string source =
      ReadLine("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  Check check{"clock", State::kOk, fmt::format("clock source {}", source), "", false};
  if (source != "tsc") {
    check.state = State::kLimited;
    check.says = fmt::format("clock source {}: events are stamped with CLOCK_MONOTONIC",
                             source.empty() ? "unknown" : source);
    check.advice = "recording costs more per event; nothing else changes";
  }
  return check;
}

Check CheckDisk(const std::string& folder) {
  Check check{"disk", State::kOk, "", "", true};
  struct statvfs status{};
  if (access(folder.c_str(), W_OK) != 0 || statvfs(folder.c_str(), &status) != 0) {
    check.state = State::kNo;
    check.says = fmt::format("sessions cannot be written to {}: {}", folder, std::strerror(errno));
    check.advice = "choose another place with -o";
    return check;
  }
  const Bytes available = Bytes{status.f_bavail} * status.f_frsize;
  check.says = fmt::format("{} free in {}", FormatBytes(available), folder);
  if (available < wire::kMaxPoolBytes + (16u << 20)) {
    check.state = State::kNo;
    check.advice = "a recording needs 80 MiB at least; choose another place with -o";
  }
  struct statfs kind{};
  constexpr long kTmpfs = 0x01021994;
  if (statfs(folder.c_str(), &kind) == 0 && kind.f_type == kTmpfs && check.state == State::kOk) {
    check.state = State::kLimited;
    check.says += " (tmpfs)";
    check.advice = "a session there takes memory and is charged to the cgroup";
  }
  return check;
}

// Where the rings of a session in this folder would lie, and what killed recordings left.
Check CheckRings(const std::string& folder) {
  Check check{"rings", State::kOk, "", "", true};
  const auto plan = recorder::PlanRings(folder, wire::kMaxPoolBytes);
  if (!plan) {
    check.state = State::kNo;
    check.says = plan.error().message();
    check.advice =
        "choose a place on ext4, xfs or tmpfs with -o, or name one in MEMWHY_RING_PLACES";
    return check;
  }
  if (plan->parent.empty()) {
    check.says =
        fmt::format("in the session: {} keeps pages that were reserved", plan->session.disk);
  } else {
    check.state = State::kLimited;
    check.says =
        fmt::format("in {} ({}, {} free): {} is on {}, which {}", plan->parent, plan->promise.disk,
                    FormatBytes(plan->free), folder, plan->session.disk, plan->session.why);
    check.advice = plan->promise.is_memory
                       ? "rings there take memory and do not outlive a restart of the machine"
                       : "nothing else changes; choose another place for the session with -o";
  }
  const auto left = recorder::FindLeftRings();
  if (!left.empty()) {
    check.state = State::kLimited;
    check.says += fmt::format("; {} folder(s) of killed recordings, such as {}", left.size(),
                              left.front().folder);
    check.advice =
        left.front().session.empty()
            ? "remove it"
            : fmt::format("open its session ({}), which takes the events home, or remove it",
                          left.front().session);
  }
  return check;
}

// Executables of PATH that are a CPython, by "python3", "python3.N".
std::vector<std::string> FindPythons() {
  std::vector<std::string> found;
  std::set<std::string> seen;
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : Split(path == nullptr ? "" : path, ':')) {
    const auto names = RealFileSystem().ListDir(std::string(folder));
    if (!names) continue;
    for (const std::string& name : *names) {
      std::string_view rest = name;
      if (!ConsumePrefix(rest, "python3")) continue;
      const bool is_minor = ConsumePrefix(rest, ".") && ParseUint(rest).has_value();
      if (!rest.empty() && !is_minor) continue;
      const std::string file = JoinPath(folder, name);
      char resolved[4096];
      if (access(file.c_str(), X_OK) != 0 || realpath(file.c_str(), resolved) == nullptr) continue;
      if (seen.insert(resolved).second || Contains(resolved, "shim")) found.push_back(file);
    }
  }
  return found;
}

std::vector<Check> CheckPythons() {
  constexpr char kScript[] =
      "import os, sys, sysconfig;"
      "print(sys.implementation.name, '%d.%d.%d' % sys.version_info[:3], sys.version_info[1],"
      " sysconfig.get_config_var('Py_GIL_DISABLED') or 0,"
      " os.path.realpath(sys.executable))";
  std::vector<Check> checks;
  std::set<std::string> seen;
  for (const std::string& python : FindPythons()) {
    const auto line = FirstLine({python, "-S", "-E", "-c", kScript}, "");
    if (!line) continue;  // a shim of a version that is not chosen
    const auto fields = SplitFields(*line);
    if (fields.size() < 5 || !seen.insert(std::string(fields[4])).second) continue;
    Check check{"python", State::kOk, fmt::format("{} {}", fields[4], fields[1]), "", false};
    const int minor = static_cast<int>(ParseUint(fields[2]).value_or(0));
    if (fields[0] != "cpython") {
      check.state = State::kNo;
      check.says += fmt::format(" is {}", fields[0]);
      check.advice = "only CPython is recorded";
    } else if (fields[3] != "0") {
      check.state = State::kNo;
      check.says += " is free-threaded";
      check.advice = "stacks cannot be read without the GIL; use a build with it";
    } else if (cpython::FindLayout(minor) == nullptr) {
      check.state = State::kLimited;
      check.says += " has structures that this memwhy does not know";
      check.advice =
          "allocations are recorded without Python stacks; use another version of Python, or a "
          "later memwhy";
    }
    checks.push_back(std::move(check));
  }
  if (checks.empty()) {
    checks.push_back({"python", State::kLimited, "no CPython on PATH",
                      "name the interpreter in full: memwhy run -- /path/to/python ...", false});
  }
  return checks;
}

struct DoctorOptions {
  bool is_json = false;
  int pid = 0;
};

// Breaks text at spaces; continuation lines are indented.
std::string Wrapped(const std::string& text, std::size_t first, std::size_t indent) {
  constexpr std::size_t kWidth = 79;
  std::size_t column = first;
  bool is_start = true;
  const std::string shown = EscapeName(text);
  std::string out;
  for (const std::string_view word : SplitFields(shown)) {
    if (!is_start && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
      is_start = true;
    }
    if (!is_start) out += ' ';
    out += word;
    column += word.size() + (is_start ? 0 : 1);
    is_start = false;
  }
  return out + "\n";
}

int RunDoctor(const DoctorOptions& options) {
  if (options.pid != 0 && !os::ReadProcessStat(RealFileSystem(), options.pid)) {
    return Fail(kExitUsage, fmt::format("there is no process {}", options.pid));
  }
  char folder[4096];
  const std::string here = getcwd(folder, sizeof(folder)) == nullptr ? "." : folder;
  std::vector<Check> checks = {
      CheckAgent(), CheckDisk(here),         CheckRings(here),          CheckKernel(),
      CheckClock(), CheckTrace(options.pid), CheckPagemap(options.pid), CheckCgroup(options.pid),
      CheckPerf()};
  for (Check& check : CheckPythons()) checks.push_back(std::move(check));
  bool is_possible = true;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Check& check : checks) {
    is_possible = is_possible && !(check.is_needed && check.state == State::kNo);
    rows.push_back({{"id", check.id},
                    {"state", Name(check.state)},
                    {"says", check.says},
                    {"advice", check.advice.empty() ? nlohmann::ordered_json(nullptr)
                                                    : nlohmann::ordered_json(check.advice)}});
    if (options.is_json) continue;
    constexpr std::size_t kIndent = 17;
    std::string row = fmt::format("{:<8} {:<7} ", check.id, Name(check.state));
    row += Wrapped(check.says, kIndent, kIndent);
    if (!check.advice.empty()) {
      row += std::string(kIndent, ' ') + Wrapped("-> " + check.advice, kIndent, kIndent);
    }
    PrintLines(stdout, row);
  }
  if (options.is_json) {
    const nlohmann::ordered_json document = {
        {"schema", "memwhy.doctor/1"}, {"can_record", is_possible}, {"checks", std::move(rows)}};
    PrintLine("{}", report::DumpJson(document));
  } else {
    PrintLine("\n{}", is_possible ? "Recording is possible here."
                                  : "Recording is not possible here; see the lines above.");
  }
  return is_possible ? kExitOk : kExitEnvironment;
}

void AddDoctorCommand(CLI::App& app, int* exit_code) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App* command =
      app.add_subcommand("doctor", "What memwhy can do on this machine, and why not more");
  command->add_flag("--json", options->is_json, "Print one JSON document");
  command->add_option("--pid", options->pid, "Also look at this process")
      ->check(WholeNumber(1, INT32_MAX));
  command->callback([options, exit_code] { *exit_code = RunDoctor(*options); });
}

const CommandRegistrar kDoctorRegistrar("doctor", AddDoctorCommand);

}  // namespace
}  // namespace memwhy::cli
