// SPDX-License-Identifier: Apache-2.0
#include "gate/notify/message.h"

#include <fmt/core.h>

#include <string_view>

#include "base/terminal_text.h"
#include "gate/documents/gate_text.h"
#include "report/parts/session_json.h"

namespace memwhy::gate {
namespace {

using report::Json;

constexpr std::size_t kLines = 10;       // of details
constexpr std::size_t kLineBytes = 250;  // a section of Slack takes 3000 characters
constexpr std::size_t kLabelBytes = 100;

// Slack's escapes; without '<' nothing is a link, a mention or a command.
std::string SlackText(std::string_view text) {
  std::string out;
  for (const char c : EscapeName(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '*':
      case '_':
      case '~':
      case '`':
        // A zero-width space keeps it from being markup, and from being seen.
        out += std::string("\xe2\x80\x8b") + c;
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Cut(const std::string& text, std::size_t bytes) {
  const std::string_view cut = CutBytes(text, bytes);
  return std::string(cut) + (cut.size() < text.size() ? "…" : "");
}

}  // namespace

std::string SlackMessage(const GateResult& result) {
  std::string details;
  std::size_t lines = 0;
  std::size_t left_out = 0;
  for (const WorkloadResult& workload : result.workloads) {
    for (const BoundResult& bound : workload.bounds) {
      if (bound.state == State::kPass) continue;
      if (++lines > kLines) {
        ++left_out;
        continue;
      }
      std::string line = fmt::format("{} {}: {}: {}", StateSign(bound.state), workload.name,
                                     BoundTitle(bound), ChangeLine(bound));
      if (!bound.stacks.empty()) line += ", " + StackLine(bound.stacks.front());
      details += SlackText(Cut(line, kLineBytes)) + "\n";
    }
  }
  if (left_out > 0) details += fmt::format("and {} more\n", left_out);
  const std::string verdict = "memwhy gate: " + VerdictLine(result);
  Json document;
  document["text"] = SlackText(verdict);
  Json header;
  header["type"] = "header";
  header["text"] = {{"type", "plain_text"}, {"text", Cut(verdict, 140)}, {"emoji", false}};
  document["blocks"] = Json::array({header});
  if (!details.empty()) {
    Json section;
    section["type"] = "section";
    section["text"] = {{"type", "mrkdwn"}, {"text", details}, {"verbatim", true}};
    document["blocks"].push_back(section);
  }
  return report::DumpJson(document);
}

std::string AlertmanagerAlerts(const GateResult& result) {
  Json alerts = Json::array();
  for (const WorkloadResult& workload : result.workloads) {
    for (const BoundResult& bound : workload.bounds) {
      const bool is_firing = bound.state == State::kRegress;
      Json alert;
      alert["labels"] = {{"alertname", "MemwhyGate"},
                         {"workload", Cut(EscapeName(workload.name), kLabelBytes)},
                         {"metric", std::string(bound.metric->name)},
                         {"bound", BoundName(bound.bound)},
                         {"layer", std::string(bound.metric->layer)},
                         {"severity", "critical"}};
      std::string description = bound.why;
      if (!bound.stacks.empty()) description += "; " + StackLine(bound.stacks.front());
      alert["annotations"] = {{"summary", Cut(EscapeName(workload.name), kLabelBytes) + ": " +
                                              BoundTitle(bound) + ": " + ChangeLine(bound)},
                              {"description", EscapeName(description)}};
      alert["startsAt"] = result.made;
      if (!is_firing) alert["endsAt"] = result.made;
      alerts.push_back(std::move(alert));
    }
  }
  return report::DumpJson(alerts);
}

}  // namespace memwhy::gate
