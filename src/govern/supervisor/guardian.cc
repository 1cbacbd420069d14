// SPDX-License-Identifier: Apache-2.0
#include "govern/supervisor/guardian.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/clock.h"
#include "base/terminal_text.h"

namespace memwhy::govern {
namespace {

enum class Word : std::int32_t { kLowered, kRestored, kBye };

// Smaller than PIPE_BUF, so never torn.
struct Message {
  Word word;
  std::uint32_t index;
  std::int64_t original;
};

[[noreturn]] void Guard(int pipe, const std::vector<NamedActuator>& actuators) {
  setsid();
  prctl(PR_SET_NAME, "memwhy-guardian");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
    ::signal(signal, SIG_IGN);
  }
  // Who reads our parent's output must not wait for us.
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  std::map<std::uint32_t, std::int64_t> lowered;
  Message message{};
  for (;;) {
    const ssize_t got = read(pipe, &message, sizeof(message));
    if (got < 0 && errno == EINTR) continue;
    if (got != sizeof(message)) break;
    if (message.word == Word::kBye) _exit(0);
    if (message.word == Word::kRestored) {
      lowered.erase(message.index);
    } else if (message.index < actuators.size()) {
      lowered[message.index] = message.original;
    }
  }
  constexpr int kTries = 5;
  for (int i = 0; i < kTries && !lowered.empty(); ++i) {
    if (i > 0) RealClock().SleepNs(kSecond);
    std::erase_if(lowered, [&](const auto& one) {
      const NamedActuator& knob = actuators[one.first];
      const auto done = knob.actuator->Restore(one.second);
      if (done) {
        Warn("the governor has died; the guardian gave {} its limit {} back", knob.name,
             one.second);
      } else {
        Warn("the governor has died, and {} does not take its limit {} back: {}", knob.name,
             one.second, done.error().message());
      }
      return done.has_value();
    });
  }
  _exit(lowered.empty() ? 0 : 1);
}

}  // namespace

Guardian::Guardian(pid_t pid, UniqueFd pipe) : pid_(pid), pipe_(std::move(pipe)) {}

Guardian::Guardian(Guardian&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pipe_(std::move(other.pipe_)) {}

Result<Guardian> Guardian::Start(std::vector<NamedActuator>* actuators) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error::FromErrno(errno, "pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return Error::FromErrno(errno, "fork");
  if (pid == 0) {
    write_end.Reset();
    Guard(read_end.get(), *actuators);
  }
  return Guardian(pid, std::move(write_end));
}

Guardian::~Guardian() {
  if (pid_ < 0) return;
  const Message bye{Word::kBye, 0, 0};
  if (write(pipe_.get(), &bye, sizeof(bye)) != sizeof(bye)) {
    // It is gone already; waitpid below says so.
  }
  pipe_.Reset();
  waitpid(pid_, nullptr, 0);
}

void Guardian::Lowered(std::size_t index, std::optional<std::int64_t> original) const {
  const Message message{original ? Word::kLowered : Word::kRestored,
                        static_cast<std::uint32_t>(index), original.value_or(0)};
  if (write(pipe_.get(), &message, sizeof(message)) != sizeof(message)) {
    Warn("the guardian is gone: what is lowered would stay so if the governor were killed");
  }
}

}  // namespace memwhy::govern
