// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/program.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/clock.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "govern/actuators/limit_text.h"

extern char** environ;

namespace memwhy::govern {
namespace {

constexpr std::size_t kMaxPrinted = 64 << 10;

std::vector<std::string> WithLimit(const std::vector<std::string>& words, std::int64_t limit) {
  std::vector<std::string> filled;
  for (const std::string& word : words) filled.push_back(FillLimit(word, limit));
  return filled;
}

Result<pid_t> Spawn(const std::vector<std::string>& words, int out) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // A group of its own: what runs too long is killed with its children.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, words.front().c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Error::FromErrno(error, words.front());
  return pid;
}

}  // namespace

Result<std::string> RunProgram(const std::vector<std::string>& words, std::int64_t timeout_ms) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno(errno, "pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  MEMWHY_TRY(const pid_t pid, Spawn(words, write_end.get()));
  write_end.Reset();
  const RealClock clock;
  const std::uint64_t end =
      clock.MonotonicNs() + static_cast<std::uint64_t>(timeout_ms) * kMillisecond;
  std::string printed;
  int status = 0;
  bool is_closed = false;
  for (;;) {
    if (waitpid(pid, &status, WNOHANG) == pid) break;
    const std::uint64_t now = clock.MonotonicNs();
    if (now >= end) {
      kill(-pid, SIGKILL);
      waitpid(pid, &status, 0);
      return Error::Of("{} took longer than {} ms", words.front(), timeout_ms);
    }
    pollfd wait{is_closed ? -1 : read_end.get(), POLLIN, 0};
    const auto left = static_cast<int>((end - now) / kMillisecond + 1);
    if (poll(&wait, 1, std::min(is_closed ? 5 : 50, left)) <= 0) continue;
    char buffer[4096];
    const ssize_t got = read(read_end.get(), buffer, sizeof(buffer));
    if (got <= 0) is_closed = true;
    if (got > 0 && printed.size() < kMaxPrinted) {
      printed.append(buffer, static_cast<std::size_t>(got));
    }
  }
  // What it wrote just before its end.
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  char buffer[4096];
  for (ssize_t got;
       printed.size() < kMaxPrinted && (got = read(read_end.get(), buffer, sizeof(buffer))) > 0;) {
    printed.append(buffer, static_cast<std::size_t>(got));
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error::Of("{} ended with {} {}", words.front(), WIFEXITED(status) ? "code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  }
  return printed;
}

ExecActuator::ExecActuator(std::vector<std::string> command, std::vector<std::string> read,
                           std::int64_t timeout_ms)
    : command_(std::move(command)), read_(std::move(read)), timeout_ms_(timeout_ms) {}

Result<void> ExecActuator::Apply(const Limit& limit) {
  auto done = RunProgram(WithLimit(command_, limit.value), timeout_ms_);
  if (!done) return done.error();
  return {};
}

Result<ActuatorView> ExecActuator::Read() {
  ActuatorView view;
  if (read_.empty()) return view;
  MEMWHY_TRY(const std::string text, RunProgram(read_, timeout_ms_));
  const auto value = ParseUint(Trim(text));
  if (!value || *value > INT32_MAX) return Error::Of("{} printed no number", read_.front());
  view.limit = static_cast<std::int64_t>(*value);
  return view;
}

ExecRemedy::ExecRemedy(std::vector<std::string> command, std::int64_t timeout_ms)
    : command_(std::move(command)), timeout_ms_(timeout_ms) {}

Result<void> ExecRemedy::Do() {
  auto done = RunProgram(command_, timeout_ms_);
  if (!done) return done.error();
  return {};
}

SignalRemedy::SignalRemedy(PidOf pid, int signal) : pid_(std::move(pid)), signal_(signal) {}

Result<void> SignalRemedy::Do() {
  MEMWHY_TRY(const pid_t pid, pid_());
  if (kill(pid, signal_) != 0) return Error::FromErrno(errno, fmt::format("process {}", pid));
  return {};
}

std::optional<int> SignalOfName(const std::string& name) {
  static const std::map<std::string, int> kSignals = {
      {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT},
      {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
      {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"WINCH", SIGWINCH}};
  const auto found = kSignals.find(name.starts_with("SIG") ? name.substr(3) : name);
  if (found == kSignals.end()) return std::nullopt;
  return found->second;
}

}  // namespace memwhy::govern
