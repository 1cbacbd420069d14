// SPDX-License-Identifier: Apache-2.0
#include "recorder/launcher.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <string_view>

#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "program/program_file.h"
#include "recorder/redact/redact.h"
#include "recorder/signals/file_size_signal.h"
#include "recorder/signals/signal_relay.h"

namespace memwhy::recorder {
namespace {

constexpr char kAgentFile[] = "libmemwhy_agent.so";

bool IsFile(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

std::string Absolute(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) == nullptr ? path : std::string(resolved);
}

// A static program takes none and may still execute one that does.
bool TakesAgent(const LaunchOptions& options) {
  const auto path = FindProgram(options.argv.empty() ? "" : options.argv[0]);
  if (!path) return true;
  const program::ProgramFile file = program::LookAtProgram(AT_FDCWD, path->c_str());
  if (file.loader == program::Loader::kOther || file.has_sanitizer) return false;
  return file.loader != program::Loader::kGlibc || file.is_our_machine;
}

bool HasSanitizer(std::string_view preload) {
  for (const std::string_view part : Split(preload, ':')) {
    for (const std::string_view entry : Split(part, ' ')) {
      if (program::IsSanitizerName(std::string(entry).c_str())) return true;
    }
  }
  return false;
}

}  // namespace

Result<std::string> FindOwnLibrary(const char* what, const char* file, const char* variable) {
  if (const char* chosen = std::getenv(variable); chosen != nullptr && *chosen != '\0') {
    if (!IsFile(chosen)) return Error::Of("{} names no file: {}", variable, chosen);
    return Absolute(chosen);
  }
  MEMWHY_TRY(const std::string self, RealFileSystem().ReadLink("/proc/self/exe"));
  const std::string folder = self.substr(0, self.rfind('/'));
  for (const char* place : {"../lib", "../lib/memwhy"}) {
    const std::string path = JoinPath(JoinPath(folder, place), file);
    if (IsFile(path)) return Absolute(path);
  }
  return Error::Of("the {} {} is not in {}/../lib; set {} to its path", what, file, folder,
                   variable);
}

Result<std::string> FindAgent() { return FindOwnLibrary("agent", kAgentFile, "MEMWHY_AGENT"); }

Result<std::string> FindProgram(const std::string& name) {
  if (name.empty()) return Error("no program given");
  if (name.find('/') != std::string::npos) {
    if (!IsFile(name)) return Error::Of("cannot run {}: no such file", name);
    if (access(name.c_str(), X_OK) != 0) return Error::FromErrno(errno, "cannot run " + name);
    return name;
  }
  const char* path = std::getenv("PATH");
  bool is_forbidden = false;
  for (const std::string_view folder : Split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const std::string candidate = JoinPath(folder.empty() ? "." : folder, name);
    if (!IsFile(candidate)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    is_forbidden = true;
  }
  return Error::Of("cannot run {}: {}", name,
                   is_forbidden ? "permission denied" : "no such program on PATH");
}

std::string WhyNoNative() {
#if defined(__x86_64__)
  if (dlsym(RTLD_DEFAULT, "_dl_find_object") != nullptr) return "";
#endif
  return "--native needs x86-64 and glibc 2.35 or later, to find a library's unwind tables without "
         "a lock; the program was not run. Without --native it can be recorded.";
}

std::vector<std::string> TargetEnvironment(const LaunchOptions& options,
                                           const char* const* environment) {
  std::vector<std::string> result;
  std::string theirs;
  bool has_sanitizer = false;
  for (const char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    if (StartsWith(text, "MEMWHY_SESSION=") || StartsWith(text, "MEMWHY_POOL_BYTES=") ||
        StartsWith(text, "MEMWHY_FOLLOW=") || StartsWith(text, "MEMWHY_MODES=") ||
        StartsWith(text, "MEMWHY_TALLY=") || StartsWith(text, "MEMWHY_ADDED=") ||
        StartsWith(text, "MEMWHY_RINGS=")) {
      continue;
    }
    if (ConsumePrefix(text, "LD_PRELOAD=")) {
      has_sanitizer = has_sanitizer || HasSanitizer(text);
      theirs = text;
      continue;
    }
    result.emplace_back(*entry);
  }
  std::string preload = has_sanitizer || !TakesAgent(options) ? "" : options.agent;
  if (!preload.empty() && !theirs.empty()) preload += ":";
  preload += theirs;
  if (!preload.empty()) result.push_back("LD_PRELOAD=" + preload);
  result.push_back("MEMWHY_SESSION=" + options.session);
  result.push_back("MEMWHY_RINGS=" + options.rings);
  result.push_back("MEMWHY_POOL_BYTES=" + std::to_string(options.pool_bytes));
  result.push_back("MEMWHY_FOLLOW=" + options.follow);
  if (!options.tally.empty()) result.push_back("MEMWHY_TALLY=" + options.tally);
  std::string modes = options.has_objects ? "objects," : "";
  if (options.is_native) modes += "native,";
  if (options.redacts) modes += wire::kRedactMode + KeyDigits(*options.redacts);
  if (!modes.empty()) result.push_back("MEMWHY_MODES=" + modes);
  return result;
}

namespace {

// What a process has of its own across an exec and a forked child has not: as the target, that the
// caller of this program has prepared, shall have it.
class OwnTraits {
 public:
  // Takes the timers away from this process.
  OwnTraits() {
    const itimerval none{};
    for (std::size_t i = 0; i < kTimers.size(); ++i) setitimer(kTimers[i], &none, &timers_[i]);
    prctl(PR_GET_PDEATHSIG, &death_signal_);
    prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper_);
  }
  // In the child.
  void PassOn() const {
    if (death_signal_ != 0) prctl(PR_SET_PDEATHSIG, death_signal_);
    if (is_subreaper_ != 0) prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (std::size_t i = 0; i < kTimers.size(); ++i) {
      if (timerisset(&timers_[i].it_value)) setitimer(kTimers[i], &timers_[i], nullptr);
    }
  }

 private:
  static constexpr std::array kTimers = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
  std::array<itimerval, kTimers.size()> timers_{};
  int death_signal_ = 0;
  int is_subreaper_ = 0;
};

}  // namespace

Result<pid_t> Launch(const LaunchOptions& options, SignalRelay* relay) {
  const std::vector<std::string> environment = TargetEnvironment(options, environ);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (const std::string& argument : options.argv) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  for (const std::string& entry : environment) envp.push_back(const_cast<char*>(entry.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno(errno, "pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno(errno, "pipe");
  UniqueFd waits(ends[0]);
  UniqueFd lets_go(ends[1]);
  const OwnTraits traits;
  const pid_t pid = fork();
  if (pid < 0) return Error::FromErrno(errno, "fork");
  if (pid == 0) {
    lets_go.Reset();
    char byte = 0;
    if (read(waits.get(), &byte, 1) != 1) _exit(127);  // the recorder is gone
    traits.PassOn();
    RestoreFileSizeSignal();
    if (relay != nullptr) relay->RestoreInChild();
    execvpe(argv[0], argv.data(), envp.data());
    const int failure = errno;
    static_cast<void>(!write(writer.get(), &failure, sizeof(failure)));
    _exit(127);
  }
  writer.Reset();
  waits.Reset();
  if (relay != nullptr) relay->Begin(pid);
  static_cast<void>(!write(lets_go.get(), "", 1));
  int failure = 0;
  ssize_t count;
  do {
    count = read(reader.get(), &failure, sizeof(failure));
  } while (count < 0 && errno == EINTR);
  if (count == sizeof(failure)) {
    if (relay != nullptr) relay->End();
    waitpid(pid, nullptr, 0);
    return Error::FromErrno(failure, "cannot run " + options.argv[0]);
  }
  return pid;
}

}  // namespace memwhy::recorder
