// SPDX-License-Identifier: Apache-2.0
#include "gate/documents/gate_code.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string_view>

#include "base/terminal_text.h"
#include "gate/documents/gate_text.h"
#include "report/parts/session_json.h"
#include "report/parts/sha256.h"

namespace memwhy::gate {
namespace {

using report::Json;

constexpr std::size_t kAnnotations = 10;
constexpr std::size_t kFlowSteps = 100;  // what GitHub shows is more than enough

struct Place {
  std::string file;
  int line = 1;
};

// Relative files lie below the workload's folder: the program's own.
bool IsOwn(const model::Frame& frame) {
  return !frame.file.empty() && frame.file.front() != '/' && frame.file.front() != '<';
}

Place PlaceOf(const GateResult& result, const BoundResult& bound) {
  for (const StackSample& stack : bound.stacks) {
    const auto own = std::ranges::find_if(stack.frames, IsOwn);
    if (own != stack.frames.end()) return {own->file, std::max(own->line, 1)};
  }
  return {result.plan, 1};
}

std::string IdOf(const BoundResult& bound) {
  return fmt::format("gate.{}.{}", bound.metric->name, BoundName(bound.bound));
}

std::string MessageOf(const WorkloadResult& workload, const BoundResult& bound) {
  std::string text = fmt::format("{}: {}: {}. {}", EscapeName(workload.name), BoundTitle(bound),
                                 ChangeLine(bound), EscapeName(bound.why));
  if (!bound.stacks.empty()) text += ". " + StackLine(bound.stacks.front());
  return text;
}

// The same for the same budget of the same workload, wherever its line moves.
std::string FingerprintOf(const WorkloadResult& workload, const BoundResult& bound) {
  std::string hex;
  for (const std::uint8_t byte : report::Sha256(workload.name + "\n" + IdOf(bound))) {
    hex += fmt::format("{:02x}", byte);
  }
  return hex;
}

// A path as a URI reference.
std::string UriOf(std::string_view path) {
  std::string uri;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    uri += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri;
}

Json LocationJson(const Place& place) {
  Json location;
  location["physicalLocation"]["artifactLocation"]["uri"] = UriOf(place.file);
  location["physicalLocation"]["region"]["startLine"] = std::max(place.line, 1);
  return location;
}

Json FlowJson(const StackSample& stack) {
  Json steps = Json::array();
  // From the caller to the line that allocates.
  const std::size_t shown = std::min(stack.frames.size(), kFlowSteps);
  for (std::size_t i = shown; i-- > 0;) {
    const model::Frame& frame = stack.frames[i];
    if (frame.file.empty()) continue;
    Json step;
    step["location"] = LocationJson({frame.file, frame.line});
    step["location"]["message"]["text"] = EscapeName(frame.function.empty() ? "?" : frame.function);
    steps.push_back(std::move(step));
  }
  if (steps.empty()) return nullptr;
  Json thread;
  thread["locations"] = std::move(steps);
  Json flow;
  flow["threadFlows"] = Json::array({std::move(thread)});
  flow["message"]["text"] = StackLine(stack);
  return flow;
}

const char* LevelOf(State state) { return state == State::kRegress ? "error" : "note"; }

bool IsWorthAResult(State state) { return state != State::kPass && state != State::kImproved; }

Json RuleJson(const BoundResult& bound) {
  Json rule;
  rule["id"] = IdOf(bound);
  rule["shortDescription"]["text"] =
      fmt::format("Budget: {} of {}", BoundName(bound.bound), bound.metric->name);
  rule["fullDescription"]["text"] = std::string(bound.metric->what);
  return rule;
}

Json ResultJson(const GateResult& result, const WorkloadResult& workload,
                const BoundResult& bound) {
  Json json;
  json["ruleId"] = IdOf(bound);
  json["level"] = LevelOf(bound.state);
  json["kind"] = bound.state == State::kRegress ? "fail" : "open";
  if (bound.state != State::kRegress) json["level"] = "none";  // SARIF 3.27.9: unless it failed
  json["message"]["text"] = MessageOf(workload, bound);
  json["locations"] = Json::array({LocationJson(PlaceOf(result, bound))});
  json["partialFingerprints"]["memwhyGate/v1"] = FingerprintOf(workload, bound);
  Json flows = Json::array();
  for (std::size_t i = 0; i < bound.stacks.size() && i < kStacksInDocuments; ++i) {
    Json flow = FlowJson(bound.stacks[i]);
    if (!flow.is_null()) flows.push_back(std::move(flow));
  }
  if (!flows.empty()) json["codeFlows"] = std::move(flows);
  return json;
}

// GitHub's own escapes of a workflow command.
std::string CommandText(std::string_view text, bool is_property) {
  std::string out;
  for (const char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else if (is_property && c == ':') {
      out += "%3A";
    } else if (is_property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

template <typename Visit>
void EachResult(const GateResult& result, const Visit& visit) {
  for (const WorkloadResult& workload : result.workloads) {
    for (const BoundResult& bound : workload.bounds) {
      if (IsWorthAResult(bound.state)) visit(workload, bound);
    }
  }
}

}  // namespace

std::string GateSarif(const GateResult& result) {
  Json rules = Json::array();
  Json results = Json::array();
  std::set<std::string> seen;
  EachResult(result, [&](const WorkloadResult& workload, const BoundResult& bound) {
    if (seen.insert(IdOf(bound)).second) rules.push_back(RuleJson(bound));
    results.push_back(ResultJson(result, workload, bound));
  });
  Json run;
  run["tool"]["driver"]["name"] = "memwhy gate";
  run["tool"]["driver"]["version"] = MEMWHY_VERSION;
  run["tool"]["driver"]["rules"] = std::move(rules);
  run["results"] = std::move(results);
  run["columnKind"] = "utf16CodeUnits";
  Json document;
  document["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json";
  document["version"] = "2.1.0";
  document["runs"] = Json::array({std::move(run)});
  return report::DumpJson(document) + "\n";
}

std::string GateCodeQuality(const GateResult& result) {
  Json issues = Json::array();
  EachResult(result, [&](const WorkloadResult& workload, const BoundResult& bound) {
    const Place place = PlaceOf(result, bound);
    Json issue;
    issue["description"] = MessageOf(workload, bound);
    issue["check_name"] = IdOf(bound);
    issue["fingerprint"] = FingerprintOf(workload, bound);
    issue["severity"] = bound.state == State::kRegress ? "major" : "info";
    issue["location"]["path"] = place.file;
    issue["location"]["lines"]["begin"] = place.line;
    issues.push_back(std::move(issue));
  });
  return report::DumpJson(issues) + "\n";
}

std::string GateAnnotations(const GateResult& result) {
  std::string text;
  std::size_t count = 0;
  for (const bool is_broken : {true, false}) {
    EachResult(result, [&](const WorkloadResult& workload, const BoundResult& bound) {
      if ((bound.state == State::kRegress) != is_broken || count >= kAnnotations) return;
      ++count;
      const Place place = PlaceOf(result, bound);
      text += fmt::format("::{} file={},line={},title={}::{}\n", is_broken ? "error" : "warning",
                          CommandText(EscapeName(place.file), true), place.line,
                          CommandText(EscapeName(workload.name) + " " + BoundTitle(bound), true),
                          CommandText(MessageOf(workload, bound), false));
    });
  }
  return text;
}

}  // namespace memwhy::gate
