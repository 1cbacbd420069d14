// SPDX-License-Identifier: Apache-2.0
#include "govern/supervisor/supervisor.h"

#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/terminal_text.h"
#include "govern/actuators/chain.h"
#include "govern/supervisor/decision_log.h"
#include "govern/supervisor/guardian.h"
#include "govern/supervisor/knobs.h"

namespace memwhy::govern {
namespace {

constexpr std::size_t kMaxRebalances = 1000;

double ProcessCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

sigset_t AwaitedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

Result<pid_t> StartProgram(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return Error::FromErrno(errno, "fork");
  if (pid == 0) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execvp(arguments[0], arguments.data());
    const int error = errno;
    Warn("{}: {}", words.front(), strerror(error));
    _exit(error == ENOENT ? 127 : 126);
  }
  return pid;
}

// The loop and what it holds.
class Loop {
 public:
  Loop(const GovernPlan& plan, const SuperviseOptions& options)
      : plan_(plan), options_(options), controller_(plan.controller) {}

  Result<SuperviseResult> Run();

 private:
  Result<void> Start();
  void Tick(std::int64_t t_ms);
  TickInput Sample(std::int64_t t_ms, std::vector<std::string>* events);
  void Act(std::int64_t t_ms, const Decision& decision, std::vector<std::string>* events);
  void Escalate(std::int64_t t_ms, const Decision& decision);
  void Announce(std::int64_t t_ms, const Decision& decision);
  void Say(std::int64_t t_ms, const std::string& text);
  bool Wait(std::uint64_t until_ns);  // false: it is time to end

  const GovernPlan& plan_;
  const SuperviseOptions& options_;
  RealClock clock_;
  RealFileSystem fs_;
  Controller controller_;
  std::vector<NamedActuator> actuators_;
  std::vector<std::unique_ptr<Remedy>> remedies_;
  std::optional<Guardian> guardian_;
  std::optional<ActuatorChain> chain_;
  std::vector<std::unique_ptr<Sampler>> samplers_;
  std::optional<DecisionLog> log_;
  pid_t program_ = -1;
  std::optional<int> exit_code_;
  std::vector<std::optional<std::uint64_t>> first_kills_;
  Level said_level_ = Level::kNormal;
  std::int64_t said_limit_ = -1;
  std::string said_act_;
  std::vector<std::string> said_problems_;
  std::string logged_act_;
  std::int64_t cut_at_ = -1;
  GovernStatus status_;
};

void Loop::Say(std::int64_t t_ms, const std::string& text) {
  Warn("{}", text);
  log_->Event(t_ms, text);
}

Result<void> Loop::Start() {
  const PidOf program = [this]() -> Result<pid_t> {
    if (program_ < 0) return Error("there is no program: give one after \"--\"");
    return program_;
  };
  MEMWHY_TRY(actuators_, MakeActuators(plan_));
  MEMWHY_TRY(remedies_, MakeRemedies(plan_, program));
  // Before any thread.
  if (plan_.acts && !actuators_.empty()) {
    MEMWHY_TRY(Guardian guardian, Guardian::Start(&actuators_));
    guardian_.emplace(std::move(guardian));
  }
  chain_.emplace(&actuators_, plan_.controller.ceiling,
                 [this](std::size_t index, std::optional<std::int64_t> original) {
                   guardian_->Lowered(index, original);
                 });
  MEMWHY_TRY(DecisionLog log,
             DecisionLog::Open(plan_.log, plan_.log_limit, &controller_, plan_.acts));
  log_.emplace(std::move(log));
  if (!options_.program.empty()) {
    MEMWHY_TRY(program_, StartProgram(options_.program));
  }
  MEMWHY_TRY(samplers_, MakeSamplers(plan_, fs_, program));
  first_kills_.resize(samplers_.size());
  said_problems_.resize(samplers_.size());
  said_limit_ = plan_.controller.ceiling;
  return {};
}

TickInput Loop::Sample(std::int64_t t_ms, std::vector<std::string>* events) {
  TickInput input;
  input.t_ms = t_ms;
  for (std::size_t i = 0; i < samplers_.size(); ++i) {
    SignalSample sample = samplers_[i]->Sample();
    input.readings.push_back({sample.used, sample.limit});
    if (!input.running) input.running = sample.running;
    if (!input.waiting) input.waiting = sample.waiting;
    if (sample.oom_kills) {
      if (!first_kills_[i]) first_kills_[i] = sample.oom_kills;
      input.oom_kills += static_cast<std::int64_t>(*sample.oom_kills - *first_kills_[i]);
    }
    if (sample.problem != said_problems_[i]) {
      events->push_back(sample.problem.empty()
                            ? fmt::format("signal {} is back", plan_.signals[i].name)
                            : fmt::format("signal {}: {}", plan_.signals[i].name, sample.problem));
      said_problems_[i] = std::move(sample.problem);
    }
  }
  if (plan_.acts) {
    const ActuatorView view = chain_->View(t_ms, events);
    if (view.running) input.running = view.running;
    if (view.waiting) input.waiting = view.waiting;
  }
  return input;
}

void Loop::Act(std::int64_t t_ms, const Decision& decision, std::vector<std::string>* events) {
  if (!plan_.acts || actuators_.empty()) return;
  const ActReport report = chain_->Apply(t_ms, decision.limit, decision.refuses);
  events->insert(events->end(), report.events.begin(), report.events.end());
  if (decision.act == "cut" || decision.act == "stop") cut_at_ = t_ms;
  if (report.result == "confirmed" && cut_at_ >= 0) {
    const std::int64_t took = t_ms - cut_at_;
    status_.slowest_effect_ms = std::max(status_.slowest_effect_ms.value_or(0), took);
    cut_at_ = -1;
  }
  const std::string line = fmt::format("{} {} {}", report.actuator, report.result, decision.limit);
  if (line != logged_act_) log_->Act(t_ms, report, decision.limit);
  logged_act_ = line;
  if (report.result == "none" && said_act_ != "none") {
    events->push_back("no actuator works: the limit is not in effect");
  }
  said_act_ = report.result;
}

void Loop::Escalate(std::int64_t t_ms, const Decision& decision) {
  for (const std::string& name : decision.escalate) {
    ++status_.escalations;
    if (!plan_.acts) {
      Say(t_ms, fmt::format("step {} would be done now (shadow)", name));
      continue;
    }
    for (std::size_t i = 0; i < plan_.remedies.size(); ++i) {
      if (plan_.remedies[i].name != name) continue;
      Say(t_ms, fmt::format("step {} begins", name));
      const auto done = remedies_[i]->Do();
      if (!done) Say(t_ms, fmt::format("step {} failed: {}", name, done.error().message()));
    }
  }
}

void Loop::Announce(std::int64_t t_ms, const Decision& decision) {
  const std::string shadow = plan_.acts ? "" : " (shadow: nothing is turned)";
  if (decision.level != said_level_) {
    Say(t_ms, fmt::format("{} -> {}{}{}", LevelName(said_level_), LevelName(decision.level),
                          decision.why.empty() ? "" : ": ", decision.why));
    said_level_ = decision.level;
  }
  if (decision.limit != said_limit_) {
    Say(t_ms,
        fmt::format("limit {} -> {}: {}{}", said_limit_, decision.limit, decision.why, shadow));
    (decision.limit < said_limit_ ? status_.cuts : status_.raises) += 1;
    said_limit_ = decision.limit;
  }
  if (decision.rebalanced_ms) {
    const double seconds = static_cast<double>(*decision.rebalanced_ms) / 1000;
    Say(t_ms, fmt::format("back in balance after {}", FormatSeconds(seconds)));
    if (status_.rebalances_s.size() < kMaxRebalances) status_.rebalances_s.push_back(seconds);
  }
}

void Loop::Tick(std::int64_t t_ms) {
  const double begin = ProcessCpuSeconds();
  const int direction = controller_.state().direction;
  std::vector<std::string> events;
  const TickInput input = Sample(t_ms, &events);
  const Decision decision = controller_.Tick(input);
  log_->Tick(input, decision);
  Act(t_ms, decision, &events);
  for (const std::string& text : events) Say(t_ms, text);
  Announce(t_ms, decision);
  Escalate(t_ms, decision);
  ++status_.ticks;
  if (direction != 0 && controller_.state().direction != direction) ++status_.reversals;
  status_.input = input;
  status_.decision = decision;
  status_.failed_log_lines = log_->failed();
  const double took = ProcessCpuSeconds() - begin;
  status_.busy_s += took;
  status_.slowest_tick_ms = std::max(status_.slowest_tick_ms, took * 1000);
}

bool Loop::Wait(std::uint64_t until_ns) {
  const sigset_t awaited = AwaitedSignals();
  for (;;) {
    const std::uint64_t now = clock_.MonotonicNs();
    if (now >= until_ns) return true;
    const timespec left = {static_cast<time_t>((until_ns - now) / kSecond),
                           static_cast<long>((until_ns - now) % kSecond)};
    const int signal = sigtimedwait(&awaited, nullptr, &left);
    if (signal == SIGCHLD && program_ > 0) {
      int code = 0;
      if (waitpid(program_, &code, WNOHANG) == program_) {
        exit_code_ = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
        return false;
      }
    } else if (signal == SIGTERM || signal == SIGINT || signal == SIGHUP) {
      if (program_ < 0) return false;
      kill(program_, signal);
    }
  }
}

Result<SuperviseResult> Loop::Run() {
  const sigset_t awaited = AwaitedSignals();
  sigset_t before;
  // Before the first thread, so that all inherit it.
  sigprocmask(SIG_BLOCK, &awaited, &before);
  struct Unblock {
    const sigset_t& mask;
    ~Unblock() { sigprocmask(SIG_SETMASK, &mask, nullptr); }
  } const unblock{before};
  MEMWHY_TRY_VOID(Start());
  const std::uint64_t start = clock_.MonotonicNs();
  const std::uint64_t tick_ns = static_cast<std::uint64_t>(plan_.tick_ms) * kMillisecond;
  std::uint64_t next = start;
  do {
    const std::uint64_t now = clock_.MonotonicNs();
    Tick(static_cast<std::int64_t>((now - start) / kMillisecond));
    // A tick that came late shifts those that follow.
    next = std::max(next + tick_ns, clock_.MonotonicNs());
    if (options_.for_s > 0 && static_cast<double>(next - start) / 1e9 > options_.for_s) {
      if (program_ < 0) break;
      kill(program_, SIGTERM);
      for (int i = 0; i < 10 && !exit_code_; ++i) Wait(clock_.MonotonicNs() + kSecond);
      if (!exit_code_) kill(program_, SIGKILL);
      if (!exit_code_) Wait(clock_.MonotonicNs() + 10 * kSecond);
      break;
    }
  } while (Wait(next));
  const auto t_ms = static_cast<std::int64_t>((clock_.MonotonicNs() - start) / kMillisecond);
  if (plan_.acts) {
    for (const std::string& event : chain_->Release()) Say(t_ms, event);
  }
  SuperviseResult result;
  result.last = status_;
  result.seconds = static_cast<double>(t_ms) / 1000;
  result.exit_code = exit_code_;
  return result;
}

}  // namespace

Result<SuperviseResult> Supervise(const GovernPlan& plan, const SuperviseOptions& options) {
  return Loop(plan, options).Run();
}

}  // namespace memwhy::govern
