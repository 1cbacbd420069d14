// SPDX-License-Identifier: Apache-2.0
#include "govern/supervisor/knobs.h"

#include <cstdlib>

#include "govern/actuators/cap_page.h"
#include "govern/actuators/cgroup_brake.h"
#include "govern/actuators/haproxy.h"
#include "govern/actuators/http.h"
#include "os/cgroup.h"

namespace memwhy::govern {
namespace {

Result<std::string> TokenOf(const std::string& variable) {
  if (variable.empty()) return std::string();
  const char* token = std::getenv(variable.c_str());
  if (token == nullptr || *token == '\0') {
    return Error::Of("the variable {} holds no token", variable);
  }
  // Not in the message: it is the token.
  for (const char* c = token; *c != '\0'; ++c) {
    if (*c <= ' ' || *c > '~') return Error::Of("the token in {} is not one word", variable);
  }
  return std::string(token);
}

Result<HttpKnob> KnobOf(const HttpPlan& plan, std::int64_t timeout_ms) {
  HttpKnob knob;
  MEMWHY_TRY(knob.url, ParseHttpUrl(plan.url, "http"));
  MEMWHY_TRY(knob.token, TokenOf(plan.token_env));
  knob.method = plan.method;
  knob.body = plan.body;
  knob.timeout_ms = timeout_ms;
  return knob;
}

Result<std::unique_ptr<Actuator>> MakeActuator(const KnobPlan& plan) {
  switch (plan.kind) {
    case KnobKind::kCap:
      return std::make_unique<CapActuator>(plan.path, plan.lease_ms);
    case KnobKind::kHaproxy:
      return std::make_unique<HaproxyActuator>(plan.path, plan.server);
    case KnobKind::kHttp: {
      MEMWHY_TRY(HttpKnob write, KnobOf(plan.http, plan.timeout_ms));
      HttpKnob read;
      if (!plan.read_url.empty()) {
        MEMWHY_TRY(read.url, ParseHttpUrl(plan.read_url, "read"));
        read.method = "GET";
        read.token = write.token;
        read.timeout_ms = plan.timeout_ms;
      }
      return std::make_unique<HttpActuator>(std::move(write), std::move(read), plan.pointer);
    }
    case KnobKind::kExec:
      return std::make_unique<ExecActuator>(plan.command, plan.read_command, plan.timeout_ms);
    case KnobKind::kSignal:
    case KnobKind::kCgroup:
      break;
  }
  return Error::Of("{} is no actuator", plan.name);
}

Result<std::unique_ptr<Remedy>> MakeRemedy(const KnobPlan& plan, const PidOf& program) {
  switch (plan.kind) {
    case KnobKind::kSignal:
      return std::make_unique<SignalRemedy>(program, plan.signal);
    case KnobKind::kCgroup:
      return std::make_unique<CgroupBrake>(plan.path, plan.bytes);
    case KnobKind::kHttp: {
      MEMWHY_TRY(HttpKnob knob, KnobOf(plan.http, plan.timeout_ms));
      return std::make_unique<HttpRemedy>(std::move(knob));
    }
    case KnobKind::kExec:
      return std::make_unique<ExecRemedy>(plan.command, plan.timeout_ms);
    case KnobKind::kCap:
    case KnobKind::kHaproxy:
      break;
  }
  return Error::Of("{} is no remedy", plan.name);
}

}  // namespace

Result<std::vector<NamedActuator>> MakeActuators(const GovernPlan& plan) {
  std::vector<NamedActuator> actuators;
  for (const KnobPlan& one : plan.actuators) {
    auto made = MakeActuator(one);
    if (!made) return made.error().With("actuator {}", one.name);
    actuators.push_back({one.name, *std::move(made)});
  }
  return actuators;
}

Result<std::vector<std::unique_ptr<Remedy>>> MakeRemedies(const GovernPlan& plan,
                                                          const PidOf& program) {
  std::vector<std::unique_ptr<Remedy>> remedies;
  for (const KnobPlan& one : plan.remedies) {
    auto made = MakeRemedy(one, program);
    if (!made) return made.error().With("step {}", one.name);
    remedies.push_back(*std::move(made));
  }
  return remedies;
}

Result<std::vector<std::unique_ptr<Sampler>>> MakeSamplers(const GovernPlan& plan,
                                                           const FileSystem& fs,
                                                           const PidOf& program) {
  std::vector<std::unique_ptr<Sampler>> samplers;
  for (const SignalPlan& one : plan.signals) {
    switch (one.kind) {
      case SignalKind::kHost:
        samplers.push_back(HostSampler(fs));
        break;
      case SignalKind::kCgroup:
        samplers.push_back(CgroupSampler(fs, [&fs, program, one]() -> Result<std::string> {
          if (one.place != "program") return one.place;
          MEMWHY_TRY(const pid_t pid, program());
          MEMWHY_TRY(const os::CgroupLocation location, os::FindMemoryCgroup(fs, pid));
          return location.directory;
        }));
        break;
      case SignalKind::kPool:
        samplers.push_back(PoolSampler(one.place));
        break;
      case SignalKind::kMetrics: {
        MEMWHY_TRY(auto sampler, MetricsSampler(one.metrics));
        samplers.push_back(std::move(sampler));
        break;
      }
    }
  }
  return samplers;
}

}  // namespace memwhy::govern
