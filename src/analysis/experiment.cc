// SPDX-License-Identifier: Apache-2.0
#include "analysis/experiment.h"

#include <fmt/core.h>

#include <algorithm>

#include "analysis/finding.h"

namespace memwhy::analysis {
namespace {

// Of what a finding predicts: so much confirms it, so little contradicts it.
constexpr double kMuch = 0.5;
constexpr double kLittle = 0.1;

std::string GaveBack(const Experiment& experiment, SignedBytes freed) {
  const char* const name = experiment.what == "gc"     ? "gc.collect()"
                           : experiment.what == "trim" ? "malloc_trim()"
                                                       : "torch._dynamo.reset()";
  return freed <= 0 ? fmt::format("{} gave nothing back", name)
                    : fmt::format("{} gave back {}", name, FormatBytes(static_cast<Bytes>(freed)));
}

// Of memory that only the collector would free.
Outcome OfGarbage(const Experiment& gc, const Finding& finding, SignedBytes freed) {
  const auto predicted = static_cast<double>(finding.bytes_at_stake);
  const std::string says =
      fmt::format("{}, predicted {}", GaveBack(gc, freed), FormatBytes(finding.bytes_at_stake));
  const auto measured = static_cast<double>(freed);
  if (measured >= kMuch * predicted) return {gc.what, OutcomeResult::kConfirmed, says};
  if (static_cast<double>(gc.gone_before) >= kMuch * predicted) {
    return {gc.what, OutcomeResult::kOpen,
            fmt::format("{}; the collector had come by itself, {} went before it", says,
                        FormatBytes(gc.gone_before))};
  }
  if (measured < kLittle * predicted) return {gc.what, OutcomeResult::kContradicted, says};
  return {gc.what, OutcomeResult::kOpen, says + ": a part of it"};
}

// Of memory that the collector must not be able to free. `others`: another finding predicts that
// it frees something.
Outcome OfHeld(const Experiment& gc, const Finding& finding, SignedBytes freed, bool others) {
  const auto stake = static_cast<double>(finding.bytes_at_stake);
  const auto measured = static_cast<double>(freed);
  if (measured < kLittle * stake) {
    return {gc.what, OutcomeResult::kConfirmed,
            fmt::format("{}: the collector does not free the {}", GaveBack(gc, freed),
                        FormatBytes(finding.bytes_at_stake))};
  }
  const std::string says = GaveBack(gc, freed);
  if (others) return {gc.what, OutcomeResult::kOpen, says + ": other garbage, or a part of this"};
  if (measured < kMuch * stake) {
    return {gc.what, OutcomeResult::kOpen, says + ": garbage that waited, or a part of this"};
  }
  return {gc.what, OutcomeResult::kContradicted,
          says + ": much of what seems to be kept may only wait for the collector"};
}

Outcome OfRetained(const Experiment& trim, const Finding& finding) {
  const SignedBytes freed = GivenBackRss(trim);
  const auto predicted = static_cast<double>(finding.bytes_at_stake);
  const auto measured = static_cast<double>(freed);
  const std::string says = fmt::format("{} of the {} that are kept free", GaveBack(trim, freed),
                                       FormatBytes(finding.bytes_at_stake));
  if (measured >= kMuch * predicted) return {trim.what, OutcomeResult::kConfirmed, says};
  if (measured < kLittle * predicted) {
    return {trim.what, OutcomeResult::kContradicted,
            says + ": the free blocks share pages with blocks in use, or lie in pymalloc"};
  }
  return {trim.what, OutcomeResult::kOpen, says};
}

std::optional<Outcome> OutcomeOf(const Experiment& experiment, const Finding& finding,
                                 bool others) {
  if (!experiment.error.empty() || !experiment.rss_after || finding.bytes_at_stake == 0) {
    return std::nullopt;
  }
  const SignedBytes freed = GivenBackInUse(experiment);
  if (experiment.what == "gc") {
    switch (finding.kind) {
      case Kind::kCollectableCycleDebt:
        return OfGarbage(experiment, finding, freed);
      case Kind::kUncollectableCycle:
      case Kind::kLeakedReference:
      case Kind::kLeakedBuffer:
      case Kind::kUnboundedContainer:
      case Kind::kRetainedGraph:
      case Kind::kUnreleasedGrowth:
        return OfHeld(experiment, finding, freed, others);
      default:
        return std::nullopt;
    }
  }
  if (experiment.what == "trim" && finding.kind == Kind::kAllocatorRetention) {
    return OfRetained(experiment, finding);
  }
  const auto stake = static_cast<double>(finding.bytes_at_stake);
  if (experiment.what == "dynamo_reset" && static_cast<double>(freed) >= kMuch * stake) {
    return Outcome{experiment.what, OutcomeResult::kOpen,
                   GaveBack(experiment, freed) + ": torch.compile keeps as much as this"};
  }
  return std::nullopt;
}

bool IsOf(const Experiment& experiment, const Finding& finding) {
  return std::any_of(finding.processes.begin(), finding.processes.end(),
                     [&](const FindingProcess& one) { return one.pid == experiment.pid; });
}

}  // namespace

const char* Name(OutcomeResult result) {
  switch (result) {
    case OutcomeResult::kConfirmed:
      return "confirmed";
    case OutcomeResult::kContradicted:
      return "contradicted";
    case OutcomeResult::kOpen:
      return "open";
  }
  return "open";
}

bool IsInUse(model::ShareKind kind) {
  switch (kind) {
    case model::ShareKind::kPymallocInUse:
    case model::ShareKind::kMallocInUse:
    case model::ShareKind::kMallocMapped:
    case model::ShareKind::kProgramMapping:
      return true;
    default:
      return false;
  }
}

SignedBytes GivenBackInUse(const Experiment& experiment) {
  SignedBytes freed = 0;
  for (const ShareChange& share : experiment.changes) {
    if (IsInUse(share.kind)) {
      freed += static_cast<SignedBytes>(share.before) - static_cast<SignedBytes>(share.after);
    }
  }
  return freed;
}

SignedBytes GivenBackRss(const Experiment& experiment) {
  if (!experiment.rss_before || !experiment.rss_after) return 0;
  return static_cast<SignedBytes>(*experiment.rss_before) -
         static_cast<SignedBytes>(*experiment.rss_after);
}

void JoinExperiments(Verdict* verdict) {
  const auto waits = [](const Finding& one) { return one.kind == Kind::kCollectableCycleDebt; };
  for (const Experiment& experiment : verdict->experiments) {
    for (Finding& finding : verdict->findings) {
      if (!IsOf(experiment, finding)) continue;
      const bool others =
          std::any_of(verdict->findings.begin(), verdict->findings.end(),
                      [&](const Finding& other) { return &other != &finding && waits(other); });
      if (auto outcome = OutcomeOf(experiment, finding, others)) {
        finding.outcomes.push_back(*std::move(outcome));
      }
    }
  }
}

DecisiveExperiment DecisiveFor(const Finding& finding) {
  switch (finding.kind) {
    case Kind::kCollectableCycleDebt:
    case Kind::kUncollectableCycle:
    case Kind::kLeakedReference:
    case Kind::kLeakedBuffer:
    case Kind::kRetainedGraph:
    case Kind::kUnreleasedGrowth:
      return {"gc", ""};
    case Kind::kAllocatorRetention:
      return {"trim", ""};
    case Kind::kDeviceRetention:
      return {"empty_cache", ""};
    case Kind::kUnboundedContainer:
      return {"",
              "it must be emptied to see what goes with it. In a copy of the process that would "
              "run finalizers, which close connections and delete files that the copy shares with "
              "the program. Bound it, record again, and compare with --check-prediction"};
    default:
      return {"",
              "no experiment in the running process decides it. Change what it names, record "
              "again, and compare with --check-prediction"};
  }
}

void SayWhyUnconfirmed(Verdict* verdict) {
  for (Finding& finding : verdict->findings) {
    if (finding.severity == Severity::kInfo) continue;
    if (!finding.outcomes.empty()) return;
    const DecisiveExperiment decisive = DecisiveFor(finding);
    std::string why = decisive.why_not;
    if (!decisive.what.empty()) {
      why = decisive.what + " was not done";
      for (const Experiment& one : verdict->experiments) {
        if (one.what == decisive.what && !one.error.empty()) why += ": " + one.error;
      }
    }
    finding.outcomes.push_back({"", OutcomeResult::kOpen, "not confirmed: " + why});
    return;
  }
}

}  // namespace memwhy::analysis
