// SPDX-License-Identifier: Apache-2.0
//
// Decides once per tick how many requests a server may run. Invariant: a decision follows from the
// configuration, the state and the inputs alone, so a log of inputs reproduces every decision; the
// limit is never raised while a signal is lost, above its exit mark, or within the dwell time.
// Called by the supervisor, by replay and by the simulator. Pure: no clock, no I/O. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "govern/pressure/forecast.h"

namespace memwhy::govern {

enum class Level : std::uint8_t { kNormal, kCaution, kShed, kEmergency };
const char* LevelName(Level level);
std::optional<Level> LevelOfName(const std::string& name);

// One kind of remedy beyond the limit: dropping caches, a restart. What it does is the supervisor's
// matter; when, is decided here.
struct EscalationStep {
  std::string name;
  Level at = Level::kShed;
  std::int64_t after_ms = 0;  // this long at that level or above
  std::int64_t every_ms = 30'000;
  std::int64_t max_per_hour = 6;
};

struct SignalConfig {
  std::string name;
  bool forecast = true;  // whether its slope counts
};

struct ControllerConfig {
  std::vector<SignalConfig> signals;
  std::vector<EscalationStep> escalation;  // in the order of the file
  std::int64_t floor = 1;
  std::int64_t ceiling = 64;
  std::int64_t safe = 1;                 // while a signal is lost
  double enter[3] = {0.85, 0.92, 0.97};  // caution, shed, emergency: used / limit
  double exit[3] = {0.80, 0.85, 0.92};
  double forecast_s[3] = {60, 20, 5};  // seconds to the limit
  double forecast_from = 0.70;         // below this use no forecast counts
  std::int64_t window_ms = 10'000;     // of the slope
  std::int64_t dwell_ms = 10'000;      // below an exit mark before a level ends
  std::int64_t cut_every_ms = 3'000;
  std::int64_t raise_every_ms = 5'000;
  std::int64_t probe_every_ms = 30'000;  // beyond the limit that last was too much
  std::int64_t lost_after_ms = 3'000;
  std::int64_t alert_hold_ms = 60'000;  // how long an alert counts that is not resolved
};

struct Reading {
  std::optional<double> used;  // nullopt: could not be read
  std::optional<double> limit;
};

struct TickInput {
  std::int64_t t_ms = 0;          // since the log's start
  std::vector<Reading> readings;  // in the order of the configuration's signals
  std::optional<std::int64_t> running;
  std::optional<std::int64_t> waiting;
  std::int64_t oom_kills = 0;        // since the start
  int alert = -1;                    // -1 nothing new; else a Level: 0 resolved
  std::optional<std::int64_t> held;  // a limit that a person set
};

struct Decision {
  Level level = Level::kNormal;
  std::string worst;                   // the signal that decides; "" if none could be read
  std::optional<double> use;           // of it
  std::optional<double> seconds_left;  // the least forecast
  std::int64_t limit = 0;
  bool refuses = false;  // who comes now is turned away instead of queued
  std::string act;       // hold, freeze, cut, stop, raise, safe, held
  std::string why;
  std::vector<std::string> escalate;
  std::vector<std::string> lost;              // signals
  std::optional<std::int64_t> rebalanced_ms;  // from the shed mark until below the low mark
};

struct SignalState {
  std::deque<Sample> samples;
  double limit = 0;
  std::int64_t seen_ms = -1;
};

struct StepState {
  std::int64_t last_ms = -1;
  std::deque<std::int64_t> done_ms;  // of the last hour
};

// Plain data, so that a log can begin in the middle of a run.
struct ControllerState {
  std::vector<SignalState> signals;
  std::map<std::string, StepState> steps;
  int level = 0;
  std::int64_t level_since[4] = {0, -1, -1, -1};  // since when at this level or above; -1: not
  std::int64_t calm_since = -1;                   // below the exit mark of the level
  std::int64_t limit = -1;
  std::int64_t last_cut = -1;
  std::int64_t last_raise = -1;
  std::int64_t bad_limit = -1;  // at which the shed mark was crossed
  std::int64_t episode = -1;    // since when above the shed mark and not back
  std::int64_t oom_kills = 0;
  std::int64_t alert_since = -1;
  int alert = 0;
  int direction = 0;  // of the last change: -1 cut, 1 raise
  std::deque<std::int64_t> reversals;
};

class Controller {
 public:
  explicit Controller(ControllerConfig config);
  Controller(ControllerConfig config, ControllerState state);

  Decision Tick(const TickInput& input);

  const ControllerConfig& config() const { return config_; }
  const ControllerState& state() const { return state_; }

 private:
  struct Sight {
    Level level = Level::kNormal;
    double use = 0;
    std::string worst;
    std::optional<double> seconds_left;
    std::string why;
    std::vector<std::string> lost;
  };
  Sight Look(const TickInput& input);
  Level Settle(const TickInput& input, const Sight& sight);
  void Decide(const TickInput& input, const Sight& sight, Decision* decision);
  void Cut(const TickInput& input, const Sight& sight, Decision* decision);
  void Raise(const TickInput& input, const Sight& sight, Decision* decision);
  void Escalate(const TickInput& input, Decision* decision);
  void SetLimit(std::int64_t t_ms, std::int64_t limit);

  ControllerConfig config_;
  ControllerState state_;
};

}  // namespace memwhy::govern
