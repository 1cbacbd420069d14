// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/program_run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "base/output_file.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "os/process.h"
#include "os/statm.h"

namespace memwhy::gate {
namespace {

constexpr double kInterval_s = 0.010;
constexpr double kDescriptorInterval_s = 0.020;
constexpr double kPssInterval_s = 0.200;  // the kernel walks all page tables for it

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigemptyset(&set_);
    for (const int number : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, number);
    sigprocmask(SIG_BLOCK, &set_, &old_);
  }
  ~SignalsBlocked() { sigprocmask(SIG_SETMASK, &old_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  // The signal that came within this time; 0 none.
  int Wait(double seconds) const {
    const auto whole = static_cast<time_t>(seconds);
    const timespec time{whole, static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};
    return std::max(0, sigtimedwait(&set_, nullptr, &time));
  }
  const sigset_t& old() const { return old_; }

 private:
  sigset_t set_{};
  sigset_t old_{};
};

struct Words {
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  char* const* get() const { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

std::vector<std::string> EnvironmentOf(const ProgramSpec& spec) {
  std::vector<std::string> words;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text(*one);
    const std::string_view name = text.substr(0, text.find('='));
    if (std::ranges::none_of(spec.environment,
                             [&](const auto& set) { return set.first == name; })) {
      words.emplace_back(text);
    }
  }
  for (const auto& [name, value] : spec.environment) words.push_back(name + "=" + value);
  return words;
}

const char* PathOf(const std::vector<std::string>& environment) {
  for (const std::string& one : environment) {
    if (one.starts_with("PATH=")) return one.c_str() + 5;
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

// Where the program lies, seen from its directory.
std::string FindProgram(const ProgramSpec& spec, const std::vector<std::string>& environment) {
  const std::string& name = spec.argv.front();
  if (name.find('/') != std::string::npos) return name;
  for (const std::string_view folder : Split(PathOf(environment), ':')) {
    const std::string path = JoinPath(folder.empty() ? "." : folder, name);
    const std::string seen = path.starts_with('/') ? path : JoinPath(spec.directory, path);
    if (access(seen.c_str(), X_OK) == 0) return path;
  }
  return name;
}

// In the child. Writes errno to `trouble` and ends if the program cannot be started.
[[noreturn]] void Become(const ProgramSpec& spec, const std::string& program, char* const* argv,
                         char* const* environment, int log, int trouble, const sigset_t& mask,
                         pid_t parent) {
  const auto give_up = [&] {
    const int why = errno;
    static_cast<void>(!write(trouble, &why, sizeof why));
    _exit(127);
  };
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (!spec.cgroup.empty()) {
    const int processes = open(spec.cgroup.c_str(), O_WRONLY | O_CLOEXEC);
    if (processes < 0 || write(processes, "0", 1) != 1) give_up();
  }
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) give_up();
  if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) give_up();
  if (chdir(spec.directory.c_str()) != 0) give_up();
  execve(program.c_str(), argv, environment);
  give_up();
  _exit(127);
}

class Run {
 public:
  explicit Run(const ProgramSpec& spec) : spec_(spec) {}
  ~Run() { KillAll(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<void> Start() {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    others_ = Descendants(fs_, getpid());
    MEMWHY_TRY(const UniqueFd log, CreateExclusive(spec_.log, O_WRONLY | O_APPEND));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return Error("no pipe: " + std::string(strerror(errno)));
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const std::vector<std::string> environment = EnvironmentOf(spec_);
    const std::string program = FindProgram(spec_, environment);
    const Words argv(spec_.argv);
    const Words variables(environment);
    begin_ns_ = clock_.MonotonicNs();
    const pid_t parent = getpid();
    const auto ours = os::ReadStatus(fs_, parent);
    if (ours) ours_at_fork_ = ours->rss;
    child_ = fork();
    if (child_ < 0) return Error("no process: " + std::string(strerror(errno)));
    if (child_ == 0) {
      Become(spec_, program, argv.get(), variables.get(), log.get(), writing.get(), signals_.old(),
             parent);
    }
    writing = UniqueFd();
    int why = 0;
    if (read(reading.get(), &why, sizeof why) == static_cast<ssize_t>(sizeof why)) {
      return Error(fmt::format("{} could not be started in {}: {}", spec_.argv.front(),
                               spec_.directory, strerror(why)));
    }
    return {};
  }

  Result<ProgramRun> Watch() {
    while (true) {
      if (Reap()) break;
      const double now = Elapsed();
      if (now > spec_.timeout_s) {
        return Error(
            fmt::format("it did not end within its timeout of {}", FormatSeconds(spec_.timeout_s)));
      }
      if (spec_.samples) Sample(now);
      const int number = signals_.Wait(spec_.samples ? kInterval_s : 0.2);
      if (number != 0 && number != SIGCHLD) return Error("interrupted");
    }
    run_.seconds = Elapsed();
    return std::move(run_);
  }

 private:
  double Elapsed() const {
    return static_cast<double>(clock_.MonotonicNs() - begin_ns_) / static_cast<double>(kSecond);
  }

  // The program and all that it started; orphans come to us.
  std::vector<pid_t> Tree() const {
    std::vector<pid_t> pids = Descendants(fs_, getpid());
    std::erase_if(pids,
                  [&](pid_t pid) { return std::ranges::find(others_, pid) != others_.end(); });
    return pids;
  }

  // Whether the program itself has ended.
  bool Reap() {
    while (true) {
      int status = 0;
      rusage usage{};
      const pid_t pid = wait4(-1, &status, WNOHANG, &usage);
      if (pid <= 0) return false;
      NotePeak(usage);
      if (pid != child_) continue;
      run_.status = status;
      child_ = -1;
      return true;
    }
  }

  // The kernel's own peak of a process and of those that it waited for: no sample can miss it. It
  // begins with what we had when we forked, so it tells only beyond that.
  void NotePeak(const rusage& usage) {
    const Bytes peak = static_cast<Bytes>(usage.ru_maxrss) * 1024;
    constexpr Bytes kBetweenForkAndExec = 1 << 20;
    if (peak > ours_at_fork_ + kBetweenForkAndExec) run_.rss_peak = std::max(run_.rss_peak, peak);
  }

  void Sample(double now) {
    TreeWants wants;
    wants.pss = spec_.wants.pss && now >= next_pss_;
    wants.descriptors = spec_.wants.descriptors && now >= next_descriptors_;
    if (wants.pss) next_pss_ = now + kPssInterval_s;
    if (wants.descriptors) next_descriptors_ = now + kDescriptorInterval_s;
    const std::vector<pid_t> pids = Tree();
    const TreeLook look = LookAtProcesses(fs_, pids, wants);
    run_.rss_peak = std::max({run_.rss_peak, look.rss, look.highest_single});
    if (run_.python.empty()) FindPython(pids);
    if (look.rss > 0) run_.samples.push_back({now, look});
  }

  void FindPython(const std::vector<pid_t>& pids) {
    for (const pid_t pid : pids) {
      const auto words = os::ReadCommandLine(fs_, pid);
      if (!words || words->empty() || !Basename(words->front()).starts_with("python")) continue;
      const auto stat = os::ReadProcessStat(fs_, pid);
      const auto executable = os::ReadExecutable(fs_, pid);
      if (!stat || !executable || !Basename(*executable).starts_with("python")) continue;
      run_.python = words->front();
      return;
    }
  }

  void KillAll() {
    if (begin_ns_ == 0) return;
    constexpr int kRounds = 500;
    for (int round = 0; round < kRounds; ++round) {
      const std::vector<pid_t> pids = Tree();
      for (const pid_t pid : pids) kill(pid, SIGKILL);
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      if (pids.empty()) return;
      clock_.SleepNs(2 * kMillisecond);
    }
  }

  const ProgramSpec& spec_;
  const RealFileSystem fs_;
  RealClock clock_;
  SignalsBlocked signals_;
  std::uint64_t begin_ns_ = 0;
  pid_t child_ = -1;
  Bytes ours_at_fork_ = UINT64_MAX / 2;
  std::vector<pid_t> others_;  // children that were here before, of who became memwhy by an exec
  double next_pss_ = 0;
  double next_descriptors_ = 0;
  ProgramRun run_;
};

}  // namespace

Result<ProgramRun> RunProgram(const ProgramSpec& spec) {
  Run run(spec);
  MEMWHY_TRY_VOID(run.Start());
  return run.Watch();
}

std::string WhyFailed(int status) {
  if (WIFEXITED(status)) {
    return WEXITSTATUS(status) == 0 ? "" : fmt::format("exit status {}", WEXITSTATUS(status));
  }
  const int number = WTERMSIG(status);
  return fmt::format("signal {} ({})", number, strsignal(number));
}

}  // namespace memwhy::gate
