// SPDX-License-Identifier: Apache-2.0
#include "govern/plan/govern_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/http_url.h"
#include "base/strings.h"
#include "config/yaml_reader.h"
#include "govern/actuators/program.h"

namespace memwhy::govern {
namespace {

using config::BytesOf;
using config::CommandOf;
using config::EachKey;
using config::FlagOf;
using config::NonEmpty;
using config::PercentOf;
using config::Refuse;
using config::SecondsOf;
using config::Shown;
using config::TextOf;
using config::WholeOf;

constexpr std::size_t kMaxEntries = 100;

std::int64_t MillisOf(const YAML::Node& node, std::string_view what, double least_ms,
                      double most_ms) {
  const double ms = SecondsOf(node, what) * 1000;
  if (ms < least_ms || ms > most_ms) {
    Refuse(node, fmt::format("{} must be from {} to {}", what, FormatSeconds(least_ms / 1000),
                             FormatSeconds(most_ms / 1000)));
  }
  return static_cast<std::int64_t>(ms);
}

std::string NameOf(const YAML::Node& node) {
  std::string name = NonEmpty(node, "name");
  const bool is_plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
  if (!is_plain || name.size() > 60) {
    Refuse(node,
           fmt::format("{} is no name: at most 60 letters, digits, '.', '-' and '_'", Shown(name)));
  }
  return name;
}

std::string UrlOf(const YAML::Node& node, std::string_view what) {
  std::string url = NonEmpty(node, what);
  const auto parsed = ParseHttpUrl(url, what);
  if (!parsed) Refuse(node, parsed.error().message());
  return url;
}

void EachEntry(const YAML::Node& node, std::string_view what,
               const std::function<void(const YAML::Node&)>& visit) {
  if (!node.IsSequence()) Refuse(node, fmt::format("{} must be a list", what));
  if (node.size() > kMaxEntries) {
    Refuse(node, fmt::format("{} can have {} entries at most", what, kMaxEntries));
  }
  for (const YAML::Node& one : node) visit(one);
}

void ReadSignal(const YAML::Node& node, GovernPlan* plan) {
  SignalPlan signal;
  int kinds = 0;
  std::optional<bool> forecast;
  constexpr std::string_view kKeys =
      "name, host, cgroup, pool, metrics, device, used, limit, running, waiting, forecast";
  EachKey(node, "a signal", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "name") {
      signal.name = NameOf(value);
    } else if (key == "host") {
      if (TextOf(value, key) != "memory") Refuse(value, "host knows memory only");
      signal.kind = SignalKind::kHost;
      ++kinds;
    } else if (key == "cgroup" || key == "pool") {
      signal.kind = key == "pool" ? SignalKind::kPool : SignalKind::kCgroup;
      signal.place = NonEmpty(value, key);
      ++kinds;
    } else if (key == "metrics") {
      signal.kind = SignalKind::kMetrics;
      signal.metrics.url = UrlOf(value, key);
      ++kinds;
    } else if (key == "device") {
      Refuse(value, "this memwhy reads no device's memory; take the server's metrics");
    } else if (key == "forecast") {
      forecast = FlagOf(value, key);
    } else {
      std::string& text = key == "used"      ? signal.metrics.used
                          : key == "limit"   ? signal.metrics.limit
                          : key == "running" ? signal.metrics.running
                                             : signal.metrics.waiting;
      text = NonEmpty(value, key);
    }
  });
  if (signal.name.empty()) Refuse(node, "a signal needs a name");
  if (kinds != 1) Refuse(node, "a signal is one of host, cgroup, pool, metrics");
  const bool is_metrics = signal.kind == SignalKind::kMetrics;
  if (is_metrics && (signal.metrics.used.empty() || signal.metrics.limit.empty())) {
    Refuse(node, "metrics need used and limit: names of metrics, limit may be a number");
  }
  if (!is_metrics && !(signal.metrics.used + signal.metrics.limit + signal.metrics.running +
                       signal.metrics.waiting)
                          .empty()) {
    Refuse(node, "used, limit, running and waiting belong to metrics");
  }
  for (const SignalPlan& other : plan->signals) {
    if (other.name == signal.name) Refuse(node, fmt::format("two signals {}", Shown(signal.name)));
  }
  // Blocks of a pool come and go within seconds, so a line through them says little.
  const bool is_slow = signal.kind == SignalKind::kHost || signal.kind == SignalKind::kCgroup;
  plan->controller.signals.push_back({signal.name, forecast.value_or(is_slow)});
  plan->signals.push_back(std::move(signal));
}

constexpr std::string_view kKnobKeys =
    "name, cap, lease, haproxy, server, http, method, body, token_env, read, pointer, exec, "
    "timeout";

// True if the key belongs to a knob; counts what says its kind.
bool ReadKnobKey(const std::string& key, const YAML::Node& value, KnobPlan* knob, int* kinds) {
  const auto is_kind = [&](KnobKind kind) {
    knob->kind = kind;
    ++*kinds;
  };
  if (key == "name") {
    knob->name = NameOf(value);
  } else if (key == "cap") {
    knob->path = NonEmpty(value, key);
    is_kind(KnobKind::kCap);
  } else if (key == "lease") {
    knob->lease_ms = MillisOf(value, key, 2000, 3.6e6);
  } else if (key == "haproxy") {
    knob->path = NonEmpty(value, key);
    is_kind(KnobKind::kHaproxy);
  } else if (key == "server") {
    knob->server = NonEmpty(value, key);
    // One word: it becomes a part of a command.
    if (std::ranges::count(knob->server, '/') != 1 ||
        knob->server.find_first_of(" \t\r\n;") != std::string::npos) {
      Refuse(value, "server must be BACKEND/SERVER");
    }
  } else if (key == "http") {
    knob->http.url = UrlOf(value, key);
    is_kind(KnobKind::kHttp);
  } else if (key == "method") {
    knob->http.method = TextOf(value, key);
    static const std::set<std::string> kMethods = {"POST", "PUT", "PATCH", "GET"};
    if (!kMethods.contains(knob->http.method)) Refuse(value, "method is POST, PUT, PATCH or GET");
  } else if (key == "body") {
    knob->http.body = TextOf(value, key);
  } else if (key == "token_env") {
    knob->http.token_env = NonEmpty(value, key);
  } else if (key == "read") {
    if (value.IsSequence()) {
      knob->read_command = CommandOf(value);
    } else {
      knob->read_url = UrlOf(value, key);
    }
  } else if (key == "pointer") {
    knob->pointer = NonEmpty(value, key);
    if (knob->pointer.front() != '/') Refuse(value, "pointer must be a JSON pointer: /limit");
  } else if (key == "exec") {
    knob->command = CommandOf(value);
    is_kind(KnobKind::kExec);
  } else if (key == "timeout") {
    knob->timeout_ms = MillisOf(value, key, 10, 60'000);
  } else {
    return false;
  }
  return true;
}

void CheckKnob(const YAML::Node& node, const KnobPlan& knob, int kinds, std::string_view what,
               std::string_view known) {
  if (knob.name.empty()) Refuse(node, fmt::format("{} needs a name", what));
  if (kinds != 1) Refuse(node, fmt::format("{} is one of {}", what, known));
  if ((knob.kind == KnobKind::kHaproxy) != !knob.server.empty()) {
    Refuse(node, "haproxy needs server: BACKEND/SERVER, and nothing else has it");
  }
  if (knob.read_url.empty() != knob.pointer.empty()) {
    Refuse(node, "read (a URL) and pointer belong together");
  }
  if (!knob.read_url.empty() && knob.kind != KnobKind::kHttp) {
    Refuse(node, "read is a URL for http, a command for exec");
  }
  if (!knob.read_command.empty() && knob.kind != KnobKind::kExec) {
    Refuse(node, "read is a command for exec, a URL for http");
  }
}

void ReadActuator(const YAML::Node& node, GovernPlan* plan) {
  KnobPlan knob;
  int kinds = 0;
  EachKey(node, "an actuator", kKnobKeys, [&](const std::string& key, const YAML::Node& value) {
    ReadKnobKey(key, value, &knob, &kinds);
  });
  CheckKnob(node, knob, kinds, "an actuator", "cap, haproxy, http, exec");
  for (const KnobPlan& other : plan->actuators) {
    if (other.name == knob.name) Refuse(node, fmt::format("two actuators {}", Shown(knob.name)));
  }
  plan->actuators.push_back(std::move(knob));
}

void ReadStep(const YAML::Node& node, GovernPlan* plan) {
  constexpr std::string_view kKeys =
      "name, at, after, every, max_per_hour, exec, timeout, signal, http, method, body, token_env, "
      "cgroup, high";
  KnobPlan knob;
  EscalationStep step;
  int kinds = 0;
  EachKey(node, "a step", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "at") {
      const auto level = LevelOfName(TextOf(value, key));
      if (!level || *level == Level::kNormal) Refuse(value, "at is caution, shed or emergency");
      step.at = *level;
    } else if (key == "after") {
      step.after_ms = TextOf(value, key) == "0s" ? 0 : MillisOf(value, key, 0, 3.6e6);
    } else if (key == "every") {
      step.every_ms = MillisOf(value, key, 1000, 8.64e7);
    } else if (key == "max_per_hour") {
      step.max_per_hour = static_cast<std::int64_t>(WholeOf(value, key, 1, 1000));
    } else if (key == "signal") {
      const auto signal = SignalOfName(TextOf(value, key));
      if (!signal) Refuse(value, "signal is HUP, INT, QUIT, TERM, USR1, USR2, TTIN, TTOU or WINCH");
      knob.signal = *signal;
      knob.kind = KnobKind::kSignal;
      ++kinds;
    } else if (key == "cgroup") {
      knob.path = NonEmpty(value, key);
      knob.kind = KnobKind::kCgroup;
      ++kinds;
    } else if (key == "high") {
      knob.bytes = BytesOf(value, key);
    } else {
      ReadKnobKey(key, value, &knob, &kinds);
    }
  });
  CheckKnob(node, knob, kinds, "a step", "exec, signal, http, cgroup");
  if ((knob.kind == KnobKind::kCgroup) != (knob.bytes != 0)) {
    Refuse(node, "cgroup needs high: a size, and nothing else has it");
  }
  step.name = knob.name;
  for (const KnobPlan& other : plan->remedies) {
    if (other.name == knob.name) Refuse(node, fmt::format("two steps {}", Shown(knob.name)));
  }
  plan->controller.escalation.push_back(std::move(step));
  plan->remedies.push_back(std::move(knob));
}

void ReadMarks(const YAML::Node& node, ControllerConfig* config) {
  EachKey(node, "marks", "caution, shed, emergency",
          [&](const std::string& name, const YAML::Node& mark) {
            const int at = static_cast<int>(*LevelOfName(name)) - 1;
            EachKey(mark, name, "enter, exit, forecast",
                    [&](const std::string& key, const YAML::Node& value) {
                      if (key == "forecast") {
                        config->forecast_s[at] = SecondsOf(value, key);
                        return;
                      }
                      const double part = PercentOf(value, key) / 100;
                      if (part <= 0 || part > 1)
                        Refuse(value, key + " must be above 0 and to 100 %");
                      (key == "enter" ? config->enter : config->exit)[at] = part;
                    });
          });
  for (int i = 0; i < 3; ++i) {
    const std::string name = LevelName(static_cast<Level>(i + 1));
    if (config->exit[i] >= config->enter[i]) {
      Refuse(node, name + ": exit must be below enter, or the level swings");
    }
    if (i > 0 && config->enter[i] <= config->enter[i - 1]) {
      Refuse(node, name + ": enter must be above that of the level below");
    }
  }
}

void ReadTiming(const YAML::Node& node, ControllerConfig* config) {
  constexpr std::string_view kKeys =
      "window, dwell, cut_every, raise_every, probe_every, lost_after, alert_hold, forecast_from";
  EachKey(node, "timing", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "forecast_from") {
      config->forecast_from = PercentOf(value, key) / 100;
      return;
    }
    const std::int64_t ms = MillisOf(value, key, 100, key == "window" ? 60'000 : 3.6e6);
    (key == "window"        ? config->window_ms
     : key == "dwell"       ? config->dwell_ms
     : key == "cut_every"   ? config->cut_every_ms
     : key == "raise_every" ? config->raise_every_ms
     : key == "probe_every" ? config->probe_every_ms
     : key == "lost_after"  ? config->lost_after_ms
                            : config->alert_hold_ms) = ms;
  });
}

void ReadLimit(const YAML::Node& node, ControllerConfig* config) {
  std::optional<std::int64_t> safe;
  EachKey(node, "limit", "floor, ceiling, safe",
          [&](const std::string& key, const YAML::Node& value) {
            const auto number = static_cast<std::int64_t>(WholeOf(value, key, 1, 1e6));
            if (key == "safe") safe = number;
            if (key == "floor") config->floor = number;
            if (key == "ceiling") config->ceiling = number;
          });
  if (config->floor > config->ceiling) Refuse(node, "floor must not be above ceiling");
  config->safe = safe.value_or(config->floor);
  if (config->safe < config->floor || config->safe > config->ceiling) {
    Refuse(node, "safe must be from floor to ceiling");
  }
}

void ReadGovernPlan(const YAML::Node& root, GovernPlan* plan) {
  if (!root.IsMap()) Refuse(root, "the file must be a mapping with signals");
  constexpr std::string_view kKeys =
      "version, mode, tick, log, log_limit, limit, marks, timing, signals, actuators, escalation";
  bool has_limit = false;
  EachKey(root, "the file", kKeys, [&](const std::string& key, const YAML::Node& value) {
    if (key == "version") {
      if (TextOf(value, key) != "1") Refuse(value, "this memwhy knows version 1 only");
    } else if (key == "mode") {
      const std::string mode = TextOf(value, key);
      if (mode != "act" && mode != "shadow") Refuse(value, "mode is act or shadow");
      plan->acts = mode == "act";
    } else if (key == "tick") {
      plan->tick_ms = MillisOf(value, key, 100, 60'000);
    } else if (key == "log") {
      plan->log = NonEmpty(value, key);
      if (plan->log[0] != '/') plan->log = JoinPath(config::FolderOf(plan->path), plan->log);
    } else if (key == "log_limit") {
      plan->log_limit = BytesOf(value, key);
      if (plan->log_limit < 1 << 20) Refuse(value, "log_limit must be 1 MiB or more");
    } else if (key == "limit") {
      has_limit = true;
      ReadLimit(value, &plan->controller);
    } else if (key == "marks") {
      ReadMarks(value, &plan->controller);
    } else if (key == "timing") {
      ReadTiming(value, &plan->controller);
    } else if (key == "signals") {
      EachEntry(value, key, [&](const YAML::Node& one) { ReadSignal(one, plan); });
    } else if (key == "actuators") {
      EachEntry(value, key, [&](const YAML::Node& one) { ReadActuator(one, plan); });
    } else if (key == "escalation") {
      EachEntry(value, key, [&](const YAML::Node& one) { ReadStep(one, plan); });
    }
  });
  if (plan->signals.empty()) Refuse(root, "the file has no signals");
  if (!has_limit) Refuse(root, "the file needs limit: {floor: ..., ceiling: ...}");
  if (plan->acts && plan->actuators.empty() && plan->remedies.empty()) {
    Refuse(root, "mode is act, but there are no actuators and no escalation");
  }
}

}  // namespace

Result<GovernPlan> ParseGovernPlan(const std::string& path, const std::string& text) {
  GovernPlan plan;
  plan.path = path;
  MEMWHY_TRY_VOID(
      config::ParseYaml(path, text, [&](const YAML::Node& root) { ReadGovernPlan(root, &plan); }));
  return plan;
}

Result<GovernPlan> LoadGovernPlan(const std::string& path) {
  MEMWHY_TRY(const std::string text, config::LoadYamlText(path, "a configuration of the governor"));
  return ParseGovernPlan(path, text);
}

}  // namespace memwhy::govern
