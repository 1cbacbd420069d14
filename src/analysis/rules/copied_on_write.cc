// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>

#include <algorithm>

#include "analysis/describe.h"
#include "analysis/main_process.h"
#include "analysis/rules/rules.h"

namespace memwhy::analysis {
namespace {

constexpr double kMinCopied = 8.0 * 1024 * 1024;
constexpr double kCopiedFlatShare = 0.25;  // of what became private: so much may rss have risen

struct Anonymous {
  double private_dirty = 0;
  double resident = 0;
};

Anonymous AnonymousAt(const model::MapsPass& pass) {
  Anonymous sum;
  for (const model::Mapping& mapping : pass.mappings) {
    if (mapping.anonymous == 0) continue;
    sum.private_dirty += static_cast<double>(mapping.private_dirty);
    sum.resident += static_cast<double>(mapping.anonymous);
  }
  return sum;
}

// Pages also become private when the others that share them end: then nothing was copied.
bool ParentLives(const Case& one) {
  const model::Process& process = one.recording.processes[MainProcess(one.recording).value];
  if (!process.parent) return false;
  for (const model::Process& other : one.recording.processes) {
    if (other.pid != *process.parent) continue;
    return !other.ended_at || *other.ended_at > one.view.options.to;
  }
  return false;
}

}  // namespace

RuleOutcome CheckCopiedOnWrite(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "cow.refcount";
  if (MainProcess(one.recording).value >= one.recording.processes.size() || !ParentLives(one)) {
    check.result = CheckResult::kNotApplicable;
    check.why = "no recorded process forked it, or that one has ended";
    return outcome;
  }
  const bool has_ends = one.ends != nullptr && one.ends->start.pass != nullptr &&
                        one.ends->end.pass != nullptr && one.ends->start.pass != one.ends->end.pass;
  if (!has_ends) {
    check.result = CheckResult::kCouldNot;
    check.why = "the address space was not read at both ends of the window";
    return outcome;
  }
  const Anonymous start = AnonymousAt(*one.ends->start.pass);
  const Anonymous end = AnonymousAt(*one.ends->end.pass);
  const double copied = end.private_dirty - start.private_dirty;
  const double risen = end.resident - start.resident;
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of memory shared with its parent became private",
                          FormatBytes(static_cast<Bytes>(std::max(0.0, copied - risen))));
  if (copied - std::max(0.0, risen) < kMinCopied || risen > kCopiedFlatShare * copied)
    return outcome;
  const double shared = end.resident - end.private_dirty;
  Finding finding;
  finding.id = "cow.refcount";
  finding.kind = Kind::kCopyOnWrite;
  finding.layer = Layer::kPython;
  finding.bytes_layer = Layer::kSystem;
  finding.severity = Severity::kInfo;  // bounded by what is shared
  finding.confidence = Lowered(one, Confidence::kStrong);
  finding.bytes_at_stake = static_cast<Bytes>(copied);
  finding.growth_bytes_per_second = one.seconds > 0 ? copied / one.seconds : 0;
  finding.title = fmt::format(
      "{} that this process shared with its parent were copied: rss stays, the machine needs more",
      FormatBytes(static_cast<Bytes>(copied)));
  finding.evidence.push_back(
      {fmt::format("private memory rose by {} while resident memory moved by {}",
                   FormatBytes(static_cast<Bytes>(copied)), FormatSignedBytes(std::llround(risen))),
       copied, "bytes", "/proc/PID/smaps"});
  finding.evidence.push_back(
      {fmt::format("{} are still shared", FormatBytes(static_cast<Bytes>(std::max(0.0, shared)))),
       shared, "bytes", "/proc/PID/smaps"});
  finding.would_disprove = "Private memory does not rise with gc.freeze() before the fork.";
  finding.prediction = fmt::format("At most {} more per process, which is what it still shares.",
                                   FormatBytes(static_cast<Bytes>(std::max(0.0, shared))));
  finding.next_step = {"memwhy explain --tree PID", "pss counts what is shared once"};
  finding.fix =
      "Call gc.freeze() before the fork (the collector then writes to no inherited object), and "
      "keep "
      "large data in arrays (NumPy, Arrow, shared memory): reading a Python object writes its "
      "reference count.";
  outcome.findings.push_back(std::move(finding));
  check.result = CheckResult::kFail;
  check.why = outcome.findings.front().title;
  return outcome;
}

}  // namespace memwhy::analysis
