// SPDX-License-Identifier: Apache-2.0
#include "govern/pressure/controller.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace memwhy::govern {
namespace {

constexpr std::array<const char*, 4> kLevelNames = {"normal", "caution", "shed", "emergency"};
constexpr std::int64_t kKeptMs = 60'000;  // samples of a signal
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kReversalWindowMs = 300'000;
constexpr std::size_t kMaxReversals = 6;  // in that window; beyond, raises are rarer
// A cut aims at the caution level's exit mark, but takes no more than half at once.
constexpr double kMinCut = 0.5;
constexpr double kMaxCut = 0.9;
constexpr double kKnownGood = 0.9;  // of the limit that was too much
constexpr double kRaise = 0.05;

}  // namespace

const char* LevelName(Level level) { return kLevelNames[static_cast<std::size_t>(level)]; }

std::optional<Level> LevelOfName(const std::string& name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (name == kLevelNames[i]) return static_cast<Level>(i);
  }
  return std::nullopt;
}

Controller::Controller(ControllerConfig config) : config_(std::move(config)) {
  state_.signals.resize(config_.signals.size());
  state_.limit = config_.ceiling;
}

Controller::Controller(ControllerConfig config, ControllerState state)
    : config_(std::move(config)), state_(std::move(state)) {
  state_.signals.resize(config_.signals.size());
}

Controller::Sight Controller::Look(const TickInput& input) {
  Sight sight;
  bool has_any = false;
  for (std::size_t i = 0; i < config_.signals.size(); ++i) {
    const SignalConfig& config = config_.signals[i];
    SignalState& signal = state_.signals[i];
    const Reading reading = i < input.readings.size() ? input.readings[i] : Reading{};
    if (reading.used && reading.limit && *reading.limit > 0) {
      signal.limit = *reading.limit;
      signal.seen_ms = input.t_ms;
      signal.samples.push_back({input.t_ms, *reading.used});
      while (input.t_ms - signal.samples.front().t_ms > kKeptMs) signal.samples.pop_front();
    } else if (signal.seen_ms < 0 ? input.t_ms >= config_.lost_after_ms
                                  : input.t_ms - signal.seen_ms >= config_.lost_after_ms) {
      sight.lost.push_back(config.name);
    }
    if (signal.samples.empty() || signal.limit <= 0) continue;
    const double use = signal.samples.back().used / signal.limit;
    int level = 0;
    std::string why;
    for (int mark = 0; mark < 3; ++mark) {
      if (use <= config_.enter[mark]) continue;
      level = mark + 1;
      why = fmt::format("{} is at {:.1f} %, above {:.1f} %", config.name, use * 100,
                        config_.enter[mark] * 100);
    }
    if (config.forecast && signal.seen_ms == input.t_ms) {
      const auto left = SecondsToLimit(signal.samples, config_.window_ms, signal.limit);
      if (left && (!sight.seconds_left || *left < *sight.seconds_left)) sight.seconds_left = left;
      for (int mark = level; left && mark < 3 && use >= config_.forecast_from; ++mark) {
        if (*left >= config_.forecast_s[mark]) continue;
        level = mark + 1;
        why = fmt::format("{} is at {:.1f} % and reaches its limit in {:.1f} s", config.name,
                          use * 100, *left);
      }
    }
    const bool is_worse = level > static_cast<int>(sight.level) ||
                          (level == static_cast<int>(sight.level) && use > sight.use);
    if (has_any && !is_worse) continue;
    has_any = true;
    sight.level = static_cast<Level>(level);
    sight.worst = config.name;
    sight.why = why;
    sight.use = use;
  }
  if (input.oom_kills > state_.oom_kills) {
    state_.oom_kills = input.oom_kills;
    sight.level = Level::kEmergency;
    sight.why = "the kernel killed a process of the server for lack of memory";
  }
  if (input.alert >= 0) {
    state_.alert = std::min(input.alert, 3);
    state_.alert_since = input.t_ms;
  }
  if (state_.alert > 0 && input.t_ms - state_.alert_since >= config_.alert_hold_ms) {
    state_.alert = 0;
  }
  if (state_.alert > static_cast<int>(sight.level)) {
    sight.level = static_cast<Level>(state_.alert);
    sight.why = fmt::format("an alert asks for {}", LevelName(sight.level));
  }
  return sight;
}

// Up at once; down after the dwell time below the level's exit mark, one level at a time unless the
// signal is below all exit marks.
Level Controller::Settle(const TickInput& input, const Sight& sight) {
  const int wanted = static_cast<int>(sight.level);
  if (wanted >= state_.level) {
    state_.level = wanted;
    state_.calm_since = -1;
  } else {
    const bool is_calm = sight.use <= config_.exit[state_.level - 1];
    if (!is_calm) {
      state_.calm_since = -1;
    } else if (state_.calm_since < 0) {
      state_.calm_since = input.t_ms;
    } else if (input.t_ms - state_.calm_since >= config_.dwell_ms) {
      // Below all marks there is nothing to wait for on the levels in between.
      state_.level = sight.use <= config_.exit[0] ? wanted : state_.level - 1;
      state_.calm_since = input.t_ms;
    }
  }
  for (int i = 0; i < 4; ++i) {
    if (i > state_.level) {
      state_.level_since[i] = -1;
    } else if (state_.level_since[i] < 0) {
      state_.level_since[i] = input.t_ms;
    }
  }
  return static_cast<Level>(state_.level);
}

void Controller::SetLimit(std::int64_t t_ms, std::int64_t limit) {
  if (limit == state_.limit) return;
  const int direction = limit < state_.limit ? -1 : 1;
  if (state_.direction != 0 && direction != state_.direction) state_.reversals.push_back(t_ms);
  while (!state_.reversals.empty() && t_ms - state_.reversals.front() > kReversalWindowMs) {
    state_.reversals.pop_front();
  }
  state_.direction = direction;
  (direction < 0 ? state_.last_cut : state_.last_raise) = t_ms;
  state_.limit = limit;
}

void Controller::Cut(const TickInput& input, const Sight& sight, Decision* decision) {
  const std::int64_t running = input.running.value_or(state_.limit);
  const std::int64_t from = std::min(state_.limit, std::max<std::int64_t>(running, 1));
  if (state_.last_cut >= 0 && input.t_ms - state_.last_cut < config_.cut_every_ms) {
    decision->why = "the last cut is too recent: " + sight.why;
    return;
  }
  // What runs is never stopped by a limit, so wait for it to end before cutting again.
  if (running > state_.limit && state_.last_cut >= 0 &&
      input.t_ms - state_.last_cut < 3 * config_.cut_every_ms) {
    decision->why =
        fmt::format("{} requests run and drain to {}: {}", running, state_.limit, sight.why);
    return;
  }
  if (running < state_.limit) {
    // Nothing runs up to the limit: bring it down to what does, so that no more can begin.
    state_.bad_limit = std::max(config_.floor, running);
  } else {
    state_.bad_limit = state_.limit;
  }
  const double factor =
      sight.use <= 0 ? kMaxCut : std::clamp(config_.exit[0] / sight.use, kMinCut, kMaxCut);
  const auto to = static_cast<std::int64_t>(std::floor(static_cast<double>(from) * factor));
  const std::int64_t limit = std::min(state_.limit, std::max(config_.floor, to));
  if (limit < state_.limit) {
    decision->act = "cut";
    SetLimit(input.t_ms, limit);
  }
  decision->why = sight.why;
}

void Controller::Raise(const TickInput& input, const Sight& sight, Decision* decision) {
  const std::int64_t calm = std::max(state_.last_cut, state_.last_raise);
  const bool is_known_good =
      state_.bad_limit < 0 ||
      state_.limit < static_cast<std::int64_t>(kKnownGood * static_cast<double>(state_.bad_limit));
  std::int64_t every = is_known_good ? config_.raise_every_ms : config_.probe_every_ms;
  if (state_.reversals.size() > kMaxReversals) every *= 4;
  if (state_.last_cut >= 0 && input.t_ms - state_.last_cut < config_.dwell_ms) {
    decision->why = "waits for the dwell time after the last cut";
    return;
  }
  if (calm >= 0 && input.t_ms - calm < every) return;
  if (input.running && *input.running < state_.limit / 2) {
    decision->why = "the limit does not bind";
    return;
  }
  if (sight.use > config_.exit[0]) {
    decision->why = "above the low mark";
    return;
  }
  const auto step =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(state_.limit) * kRaise));
  std::int64_t limit = std::min(config_.ceiling, state_.limit + std::max<std::int64_t>(1, step));
  // After a stop: far below what was too much, a limit doubles.
  if (state_.bad_limit > 0)
    limit = std::max(limit, std::min(2 * state_.limit, state_.bad_limit / 2));
  decision->act = "raise";
  decision->why =
      is_known_good ? "below the low mark" : "below the low mark, beyond what was too much before";
  SetLimit(input.t_ms, limit);
}

void Controller::Decide(const TickInput& input, const Sight& sight, Decision* decision) {
  if (input.held) {
    decision->act = "held";
    decision->why = "a person holds the limit";
    SetLimit(input.t_ms, std::clamp(*input.held, config_.floor, config_.ceiling));
    return;
  }
  if (!sight.lost.empty() && decision->level < Level::kEmergency) {
    decision->act = "safe";
    decision->why = fmt::format("the signal {} is lost", sight.lost.front());
    if (state_.limit > config_.safe) SetLimit(input.t_ms, config_.safe);
    return;
  }
  decision->act = "hold";
  switch (decision->level) {
    case Level::kNormal:
      if (state_.limit < config_.ceiling) Raise(input, sight, decision);
      return;
    case Level::kCaution:
      decision->act = "freeze";
      decision->why = sight.why.empty() ? "not yet calm for the dwell time" : sight.why;
      return;
    case Level::kShed:
      if (sight.level < Level::kShed) {
        decision->why = "not yet calm for the dwell time";
        return;
      }
      Cut(input, sight, decision);
      return;
    case Level::kEmergency:
      decision->refuses = true;
      decision->why = sight.why.empty() ? "not yet calm for the dwell time" : sight.why;
      if (state_.limit > config_.floor && sight.level == Level::kEmergency) {
        state_.bad_limit =
            std::max(config_.floor, std::min(state_.limit, input.running.value_or(state_.limit)));
        decision->act = "stop";
        SetLimit(input.t_ms, config_.floor);
      }
      return;
  }
}

void Controller::Escalate(const TickInput& input, Decision* decision) {
  for (const EscalationStep& step : config_.escalation) {
    const std::int64_t since = state_.level_since[static_cast<std::size_t>(step.at)];
    if (since < 0 || input.t_ms - since < step.after_ms) continue;
    StepState& state = state_.steps[step.name];
    if (state.last_ms >= 0 && input.t_ms - state.last_ms < step.every_ms) continue;
    while (!state.done_ms.empty() && input.t_ms - state.done_ms.front() >= kHourMs) {
      state.done_ms.pop_front();
    }
    if (static_cast<std::int64_t>(state.done_ms.size()) >= step.max_per_hour) continue;
    state.last_ms = input.t_ms;
    state.done_ms.push_back(input.t_ms);
    decision->escalate.push_back(step.name);
    return;  // one a tick: each shall have its effect before the next
  }
}

Decision Controller::Tick(const TickInput& input) {
  const Sight sight = Look(input);
  Decision decision;
  decision.level = Settle(input, sight);
  decision.worst = sight.worst;
  if (!sight.worst.empty()) decision.use = sight.use;
  decision.seconds_left = sight.seconds_left;
  decision.lost = sight.lost;
  if (sight.level >= Level::kShed && state_.episode < 0) state_.episode = input.t_ms;
  if (state_.episode >= 0 && sight.level < Level::kShed && sight.use <= config_.exit[1]) {
    decision.rebalanced_ms = input.t_ms - state_.episode;
    state_.episode = -1;
  }
  Decide(input, sight, &decision);
  Escalate(input, &decision);
  decision.limit = state_.limit;
  return decision;
}

}  // namespace memwhy::govern
