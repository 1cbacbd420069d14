// SPDX-License-Identifier: Apache-2.0
//
// govern.yaml (docs/formats/govern-yaml.md): what is watched, what may be turned, when. Invariant:
// understood whole, or an error with line and column. Plain data; secrets are names of variables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "govern/pressure/controller.h"
#include "govern/samplers/sampler.h"

namespace memwhy::govern {

enum class SignalKind : std::uint8_t { kHost, kCgroup, kPool, kMetrics };

struct SignalPlan {
  std::string name;
  SignalKind kind = SignalKind::kHost;
  std::string place;  // directory, or "program"; path of a pool
  MetricsSource metrics;
};

struct HttpPlan {
  std::string url;
  std::string method = "POST";
  std::string body;
  std::string token_env;
};

enum class KnobKind : std::uint8_t { kCap, kHaproxy, kHttp, kExec, kSignal, kCgroup };

// An actuator or the remedy of a step.
struct KnobPlan {
  std::string name;
  KnobKind kind = KnobKind::kExec;
  std::string path;    // cap, socket, directory
  std::string server;  // of HAProxy
  HttpPlan http;
  std::string read_url;
  std::string pointer;
  std::vector<std::string> command;
  std::vector<std::string> read_command;
  int signal = 0;
  Bytes bytes = 0;
  std::int64_t lease_ms = 5000;
  std::int64_t timeout_ms = 1000;
};

struct GovernPlan {
  std::string path;
  bool acts = false;  // mode: act; else only decides and logs
  std::int64_t tick_ms = 1000;
  std::string log;
  Bytes log_limit = Bytes{64} << 20;
  std::vector<SignalPlan> signals;
  std::vector<KnobPlan> actuators;
  std::vector<KnobPlan> remedies;  // one for each step of controller.escalation, in order
  ControllerConfig controller;
};

Result<GovernPlan> LoadGovernPlan(const std::string& path);
Result<GovernPlan> ParseGovernPlan(const std::string& path, const std::string& text);

}  // namespace memwhy::govern
