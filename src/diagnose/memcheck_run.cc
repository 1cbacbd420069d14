// SPDX-License-Identifier: Apache-2.0
#include "diagnose/memcheck_run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "diagnose/memcheck_suppressions.h"
#include "recorder/launcher.h"

namespace memwhy::diagnose {
namespace {

std::vector<std::string> Environment(const std::string& library, const std::string& folder) {
  std::vector<std::string> result;
  std::string preload = library;
  for (const char* const* entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    if (StartsWith(text, "PYTHONMALLOC=") || StartsWith(text, "MEMWHY_FRAMES=") ||
        StartsWith(text, "PYTHONPERFSUPPORT=")) {
      continue;
    }
    if (ConsumePrefix(text, "LD_PRELOAD=")) {
      if (!text.empty()) preload += ":" + std::string(text);
      continue;
    }
    result.emplace_back(*entry);
  }
  result.push_back("LD_PRELOAD=" + preload);
  result.push_back("PYTHONMALLOC=malloc");
  result.push_back("MEMWHY_FRAMES=" + folder);
  return result;
}

std::vector<std::string> Command(const std::string& valgrind, const std::string& folder,
                                 const std::string& prefix,
                                 const std::vector<std::string>& program) {
  std::vector<std::string> argv = {valgrind, "--tool=memcheck", "--quiet", "--xml=yes",
                                   "--xml-file=" + JoinPath(folder, prefix + "%p.xml"),
                                   "--suppressions=" + JoinPath(folder, "memwhy.supp"),
                                   "--num-callers=300", "--leak-check=full",
                                   "--show-leak-kinds=definite,possible", "--keep-debuginfo=yes",
                                   "--track-origins=yes", "--trace-children=yes",
                                   // A forked child would write into the file of its parent.
                                   "--child-silent-after-fork=yes", "--error-limit=no"};
  argv.insert(argv.end(), program.begin(), program.end());
  return argv;
}

// Runs until its end; Ctrl-C reaches the program, not us. "exit:N" or "signal:N".
Result<std::string> RunToEnd(const std::vector<std::string>& command,
                             const std::vector<std::string>& environment, bool is_quiet) {
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (const std::string& one : command) argv.push_back(const_cast<char*>(one.c_str()));
  for (const std::string& one : environment) envp.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before_int{};
  struct sigaction before_quit{};
  sigaction(SIGINT, &ignore, &before_int);
  sigaction(SIGQUIT, &ignore, &before_quit);
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid == 0) {
    sigaction(SIGINT, &before_int, nullptr);
    sigaction(SIGQUIT, &before_quit, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != self) _exit(127);
    if (is_quiet) {
      const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (null >= 0) dup2(null, fd);
      }
    }
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  const int fork_error = errno;
  int status = 0;
  pid_t ended = -1;
  while (pid > 0) {
    ended = waitpid(pid, &status, 0);
    if (ended >= 0 || errno != EINTR) break;
  }
  sigaction(SIGINT, &before_int, nullptr);
  sigaction(SIGQUIT, &before_quit, nullptr);
  if (pid < 0) return Error::FromErrno(fork_error, "fork");
  if (ended < 0) return Error::FromErrno(errno, "waiting for valgrind");
  if (WIFSIGNALED(status)) return fmt::format("signal:{}", WTERMSIG(status));
  return fmt::format("exit:{}", WEXITSTATUS(status));
}

// The command that starts the interpreter as the program did: a virtual environment is known by
// the path of its link.
std::string InterpreterOf(const analysis::MemcheckProcess& process) {
  const std::vector<std::string>& command = process.run.command;
  if (!command.empty() && StartsWith(Basename(command.front()), "python")) {
    if (const auto found = recorder::FindProgram(command.front())) return *found;
  }
  return process.stubs.executable;
}

}  // namespace

Result<MemcheckOutcome> RunMemcheck(const MemcheckOptions& options) {
  const auto valgrind = recorder::FindProgram("valgrind");
  if (!valgrind) {
    return Error(
        "memcheck needs valgrind, and there is none on PATH; install it: apt-get install "
        "valgrind, dnf install valgrind");
  }
  MEMWHY_TRY(const std::string library,
             recorder::FindOwnLibrary("library", "libmemwhy_trampoline.so", "MEMWHY_TRAMPOLINE"));
  MEMWHY_TRY(const std::string program, recorder::FindProgram(options.argv.front()));
  MEMWHY_TRY_VOID(WriteExclusive(JoinPath(options.folder, "memwhy.supp"), kSuppressions));
  const std::vector<std::string> environment = Environment(library, options.folder);
  MemcheckOutcome outcome;
  outcome.started = Rfc3339Now();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::string> argv = options.argv;
  argv.front() = program;
  MEMWHY_TRY(outcome.ended,
             RunToEnd(Command(*valgrind, options.folder, "memcheck.", argv), environment, false));
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  outcome.processes = LoadMemcheck(options.folder, "memcheck.", &outcome.other_programs);
  if (outcome.processes.empty()) return outcome;
  const std::string interpreter = InterpreterOf(outcome.processes.front());
  if (interpreter.empty()) return outcome;
  const auto ended =
      RunToEnd(Command(*valgrind, options.folder, "baseline.", {interpreter, "-c", "pass"}),
               environment, true);
  std::size_t others = 0;
  if (ended && *ended == "exit:0") {
    outcome.baseline = LoadMemcheck(options.folder, "baseline.", &others);
  }
  return outcome;
}

}  // namespace memwhy::diagnose
