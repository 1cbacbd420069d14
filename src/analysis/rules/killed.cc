// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <string>

#include "analysis/describe.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kKilledPlaces = 3;
constexpr const char* kOom = "oom";
constexpr const char* kSigkill = "signal:9";

// The last that was seen of the process's cgroup.
std::optional<model::OsSample> LastCharge(const Case& one, model::ProcessId process) {
  std::optional<model::OsSample> last;
  for (const model::OsSample& sample : one.recording.os_samples) {
    if (sample.process == process && sample.cgroup_current) last = sample;
  }
  return last;
}

std::string ChargeText(const std::optional<model::OsSample>& last) {
  if (!last) return "the cgroup's charge is not known";
  if (!last->cgroup_limit) {
    return fmt::format("{} were charged to its cgroup, which has no limit",
                       FormatBytes(*last->cgroup_current));
  }
  return fmt::format("{} of {} were charged to its cgroup ({:.0f} %) when it was last looked at",
                     FormatBytes(*last->cgroup_current), FormatBytes(*last->cgroup_limit),
                     100.0 * static_cast<double>(*last->cgroup_current) /
                         static_cast<double>(*last->cgroup_limit));
}

Finding DescribeKill(const model::Process& process, const char* id, const std::string& charge) {
  Finding finding;
  finding.id = id;
  finding.kind = Kind::kWorkloadPeak;
  finding.layer = Layer::kSystem;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = Severity::kInfo;
  finding.confidence = Confidence::kProven;
  finding.what.type = fmt::format("PID {}", process.pid);
  finding.evidence.push_back({charge, 1, "process", "cgroup files"});
  finding.next_step = {"memwhy oom", "the kernel's log tells who else held memory then"};
  return finding;
}

void AddPlaces(const Case& one, Finding& finding) {
  const model::Ledger* last = nullptr;
  for (const model::Ledger& ledger : one.ledgers) {
    if (ledger.account == "rss") last = &ledger;
  }
  if (last == nullptr) return;
  std::vector<model::Share> shares = last->shares;
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  for (std::size_t i = 0; i < std::min(kKilledPlaces, shares.size()); ++i) {
    finding.evidence.push_back(
        {fmt::format("{} ({}) had {} at {}", shares[i].name, shares[i].layer,
                     FormatBytes(shares[i].bytes), FormatSeconds(last->time)),
         static_cast<double>(shares[i].bytes), "bytes", "ledger"});
  }
}

Finding DescribeOom(const Case& one, model::ProcessId id, bool parent_lives) {
  const model::Process& process = one.recording.processes[id.value];
  const auto last = LastCharge(one, id);
  Finding finding =
      DescribeKill(process, parent_lives ? "oom.silent_worker" : "oom.memcg", ChargeText(last));
  finding.title = fmt::format("PID {} was killed by the kernel for lack of memory{}{}", process.pid,
                              process.ended_at ? " at " + FormatSeconds(*process.ended_at) : "",
                              parent_lives ? ", and the process that started it goes on" : "");
  finding.evidence.push_back({"the cgroup's counter of OOM kills rose just before it ended", 1,
                              "kill", "memory.events or memory.oom_control"});
  AddPlaces(one, finding);
  if (last) finding.bytes_at_stake = *last->cgroup_current;
  finding.would_disprove = "The kernel's log names another victim at that time.";
  finding.prediction = one.growth_rate > 0
                           ? "It happens again as soon as the growth has filled the limit."
                           : "It happens again with the same load and the same limit.";
  finding.fix =
      parent_lives
          ? "End the service when a worker is killed (memory.oom.group), so that it shows; "
            "then mend what grows, or raise the limit."
          : "Mend what grows (the other findings), or raise the limit if it is what the "
            "load needs.";
  return finding;
}

Finding DescribeOtherKill(const Case& one, model::ProcessId id) {
  const model::Process& process = one.recording.processes[id.value];
  Finding finding = DescribeKill(process, "kill.not_memory", ChargeText(LastCharge(one, id)));
  finding.title =
      fmt::format("PID {} got SIGKILL, and not from the kernel for lack of memory", process.pid);
  finding.evidence.push_back({"the cgroup's counter of OOM kills did not rise", 0, "kills",
                              "memory.events or memory.oom_control"});
  finding.would_disprove = "The kernel's log has an OOM kill of this process.";
  finding.prediction = "More memory does not help.";
  finding.fix =
      "Look for who sends it: a liveness probe, a time limit of a job, a supervisor that recycles "
      "workers, earlyoom or systemd-oomd (memwhy oom reads their lines).";
  return finding;
}

}  // namespace

RuleOutcome CheckKilled(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "oom.killed";
  check.result = CheckResult::kPass;
  check.why = "no recorded process was killed";
  const model::ProcessId main = MainProcess(one.recording);
  const auto& processes = one.recording.processes;
  for (std::uint32_t i = 0; i < processes.size(); ++i) {
    const bool is_main = i == main.value;
    const model::Process& process = processes[i];
    const bool is_oom = process.ended == kOom;
    if (!is_main && !is_oom) continue;  // a worker that its parent ends is no news
    if (!is_oom && process.ended != kSigkill) continue;
    const bool parent_lives =
        std::any_of(processes.begin(), processes.end(), [&](const model::Process& other) {
          return process.parent && other.pid == *process.parent &&
                 (!other.ended_at || *other.ended_at > process.ended_at.value_or(0) + 1);
        });
    // Of another process its parent's verdict tells.
    if (!is_main && !(process.parent && processes[main.value].pid == *process.parent)) continue;
    if (is_main && parent_lives) continue;
    outcome.findings.push_back(is_oom
                                   ? DescribeOom(one, model::ProcessId{i}, parent_lives && !is_main)
                                   : DescribeOtherKill(one, model::ProcessId{i}));
    check.result = CheckResult::kFail;
    check.why = outcome.findings.back().title;
  }
  return outcome;
}

}  // namespace memwhy::analysis
