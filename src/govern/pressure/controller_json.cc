// SPDX-License-Identifier: Apache-2.0
#include "govern/pressure/controller_json.h"

#include <algorithm>
#include <stdexcept>

namespace memwhy::govern {
namespace {

using Json = nlohmann::json;

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> Optional(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (value.is_null()) return std::nullopt;
  return value.get<T>();
}

template <typename T, std::size_t N>
void ReadArray(const Json& json, T (&array)[N]) {
  for (std::size_t i = 0; i < N; ++i) array[i] = json.at(i).get<T>();
}

}  // namespace

Json ConfigJson(const ControllerConfig& config) {
  Json signals = Json::array();
  for (const SignalConfig& one : config.signals) {
    signals.push_back({{"name", one.name}, {"forecast", one.forecast}});
  }
  Json steps = Json::array();
  for (const EscalationStep& one : config.escalation) {
    steps.push_back({{"name", one.name},
                     {"at", LevelName(one.at)},
                     {"after_ms", one.after_ms},
                     {"every_ms", one.every_ms},
                     {"max_per_hour", one.max_per_hour}});
  }
  return {{"signals", signals},
          {"escalation", steps},
          {"floor", config.floor},
          {"ceiling", config.ceiling},
          {"safe", config.safe},
          {"enter", config.enter},
          {"exit", config.exit},
          {"forecast_s", config.forecast_s},
          {"forecast_from", config.forecast_from},
          {"window_ms", config.window_ms},
          {"dwell_ms", config.dwell_ms},
          {"cut_every_ms", config.cut_every_ms},
          {"raise_every_ms", config.raise_every_ms},
          {"probe_every_ms", config.probe_every_ms},
          {"lost_after_ms", config.lost_after_ms},
          {"alert_hold_ms", config.alert_hold_ms}};
}

ControllerConfig ConfigOfJson(const Json& json) {
  ControllerConfig config;
  for (const Json& one : json.at("signals")) {
    config.signals.push_back({one.at("name"), one.at("forecast")});
  }
  for (const Json& one : json.at("escalation")) {
    EscalationStep step;
    step.name = one.at("name");
    const auto level = LevelOfName(one.at("at"));
    if (!level) throw std::invalid_argument("a step at no level");
    step.at = *level;
    step.after_ms = one.at("after_ms");
    step.every_ms = one.at("every_ms");
    step.max_per_hour = one.at("max_per_hour");
    config.escalation.push_back(std::move(step));
  }
  config.floor = json.at("floor");
  config.ceiling = json.at("ceiling");
  config.safe = json.at("safe");
  ReadArray(json.at("enter"), config.enter);
  ReadArray(json.at("exit"), config.exit);
  ReadArray(json.at("forecast_s"), config.forecast_s);
  config.forecast_from = json.at("forecast_from");
  config.window_ms = json.at("window_ms");
  config.dwell_ms = json.at("dwell_ms");
  config.cut_every_ms = json.at("cut_every_ms");
  config.raise_every_ms = json.at("raise_every_ms");
  config.probe_every_ms = json.at("probe_every_ms");
  config.lost_after_ms = json.at("lost_after_ms");
  config.alert_hold_ms = json.at("alert_hold_ms");
  // std::clamp needs them in order.
  if (config.floor > config.ceiling) throw std::invalid_argument("a floor above the ceiling");
  return config;
}

Json StateJson(const ControllerState& state) {
  Json signals = Json::array();
  for (const SignalState& one : state.signals) {
    Json samples = Json::array();
    for (const Sample& sample : one.samples) samples.push_back({sample.t_ms, sample.used});
    signals.push_back({{"samples", samples}, {"limit", one.limit}, {"seen_ms", one.seen_ms}});
  }
  Json steps = Json::object();
  for (const auto& [name, step] : state.steps) {
    steps[name] = {{"last_ms", step.last_ms}, {"done_ms", step.done_ms}};
  }
  return {{"signals", signals},
          {"steps", steps},
          {"level", state.level},
          {"level_since", state.level_since},
          {"calm_since", state.calm_since},
          {"limit", state.limit},
          {"last_cut", state.last_cut},
          {"last_raise", state.last_raise},
          {"bad_limit", state.bad_limit},
          {"episode", state.episode},
          {"oom_kills", state.oom_kills},
          {"alert_since", state.alert_since},
          {"alert", state.alert},
          {"direction", state.direction},
          {"reversals", state.reversals}};
}

ControllerState StateOfJson(const Json& json) {
  ControllerState state;
  for (const Json& one : json.at("signals")) {
    SignalState signal;
    for (const Json& sample : one.at("samples")) {
      signal.samples.push_back({sample.at(0), sample.at(1)});
    }
    signal.limit = one.at("limit");
    signal.seen_ms = one.at("seen_ms");
    state.signals.push_back(std::move(signal));
  }
  for (const auto& [name, step] : json.at("steps").items()) {
    state.steps[name] = {step.at("last_ms"), step.at("done_ms")};
  }
  // A level is an index; a damaged log must not make it a wild one.
  state.level = std::clamp(json.at("level").get<int>(), 0, 3);
  ReadArray(json.at("level_since"), state.level_since);
  state.calm_since = json.at("calm_since");
  state.limit = json.at("limit");
  state.last_cut = json.at("last_cut");
  state.last_raise = json.at("last_raise");
  state.bad_limit = json.at("bad_limit");
  state.episode = json.at("episode");
  state.oom_kills = json.at("oom_kills");
  state.alert_since = json.at("alert_since");
  state.alert = std::clamp(json.at("alert").get<int>(), 0, 3);
  state.direction = json.at("direction");
  state.reversals = json.at("reversals").get<std::deque<std::int64_t>>();
  return state;
}

Json InputJson(const TickInput& input) {
  Json readings = Json::array();
  for (const Reading& one : input.readings) {
    readings.push_back({{"used", OrNull(one.used)}, {"limit", OrNull(one.limit)}});
  }
  return {{"t_ms", input.t_ms},
          {"readings", readings},
          {"running", OrNull(input.running)},
          {"waiting", OrNull(input.waiting)},
          {"oom_kills", input.oom_kills},
          {"alert", input.alert},
          {"held", OrNull(input.held)}};
}

TickInput InputOfJson(const Json& json) {
  TickInput input;
  input.t_ms = json.at("t_ms");
  for (const Json& one : json.at("readings")) {
    input.readings.push_back({Optional<double>(one, "used"), Optional<double>(one, "limit")});
  }
  input.running = Optional<std::int64_t>(json, "running");
  input.waiting = Optional<std::int64_t>(json, "waiting");
  input.oom_kills = json.at("oom_kills");
  input.alert = json.at("alert");
  input.held = Optional<std::int64_t>(json, "held");
  return input;
}

Json DecisionJson(const Decision& decision) {
  return {{"level", LevelName(decision.level)},
          {"worst", decision.worst.empty() ? Json(nullptr) : Json(decision.worst)},
          {"use", OrNull(decision.use)},
          {"seconds_left", OrNull(decision.seconds_left)},
          {"limit", decision.limit},
          {"refuses", decision.refuses},
          {"act", decision.act},
          {"why", decision.why},
          {"escalate", decision.escalate},
          {"lost", decision.lost},
          {"rebalanced_ms", OrNull(decision.rebalanced_ms)}};
}

}  // namespace memwhy::govern
