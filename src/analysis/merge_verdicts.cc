// SPDX-License-Identifier: Apache-2.0
#include "analysis/merge_verdicts.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "analysis/describe.h"
#include "analysis/process_role.h"
#include "analysis/verdict.h"

namespace memwhy::analysis {
namespace {

struct Part {
  Finding finding;
  std::vector<std::size_t> of;  // verdicts, the first is the one that words it
  std::string rate;             // as its title says it
};

bool Blames(const Finding& finding) { return finding.severity != Severity::kInfo; }

bool AtOneLine(const Finding& a, const Finding& b) {
  if (!a.who_allocated || !b.who_allocated) return false;
  return a.who_allocated->file == b.who_allocated->file &&
         a.who_allocated->callable == b.who_allocated->callable;
}

bool IsOneCause(const Finding& a, const Finding& b) {
  if (Blames(a) != Blames(b)) return false;
  if (a.id == b.id && a.who_holds && b.who_holds) return a.who_holds->holder == b.who_holds->holder;
  if (a.id == b.id && !a.who_holds && !b.who_holds) {
    return AtOneLine(a, b) || (!a.who_allocated && !b.who_allocated && a.what.type == b.what.type);
  }
  // Its heap was not looked at, or not in time: the line is the same.
  return a.who_holds && !b.who_holds && b.kind == Kind::kUnreleasedGrowth && AtOneLine(a, b);
}

std::string PerMinute(double bytes_per_second) {
  return FormatSignedBytes(std::llround(bytes_per_second * 60)) + " per minute";
}

class Merging {
 public:
  Merging(const model::Recording& recording, std::vector<Verdict> verdicts)
      : recording_(recording), verdicts_(std::move(verdicts)) {}

  Verdict Run() {
    MergeFindings();
    const std::size_t lead = Lead();
    Verdict verdict = verdicts_[lead];
    verdict.findings.clear();
    verdict.growth_rate = 0;
    verdict.experiments.clear();
    for (const Verdict& one : verdicts_) {
      verdict.growth_rate += std::max(0.0, one.growth_rate);
      verdict.experiments.insert(verdict.experiments.end(), one.experiments.begin(),
                                 one.experiments.end());
    }
    for (Part& part : parts_) Sum(part, verdict.growth_rate);
    std::stable_sort(parts_.begin(), parts_.end(), [](const Part& a, const Part& b) {
      if (Blames(a.finding) != Blames(b.finding)) return Blames(a.finding);
      return std::pair(a.finding.growth_bytes_per_second, a.finding.bytes_at_stake) >
             std::pair(b.finding.growth_bytes_per_second, b.finding.bytes_at_stake);
    });
    for (const Part& part : parts_) verdict.findings.push_back(part.finding);
    Summarize(verdict, lead);
    return verdict;
  }

 private:
  std::string NameOf(std::size_t at) const {
    return NameOfProcess(recording_, verdicts_[at].process);
  }

  std::string OperationOf(std::size_t at) const {
    const std::string& name = verdicts_[at].operation_name;
    return name.empty() ? "operation" : name;
  }

  void MergeFindings() {
    std::vector<Part> all;
    for (std::size_t i = 0; i < verdicts_.size(); ++i) {
      // What is said of a process that lacks data is no claim.
      if (!verdicts_[i].missing.empty()) continue;
      for (Finding& finding : verdicts_[i].findings) {
        std::string rate = RateText(OperationOf(i), finding);
        all.push_back({std::move(finding), {i}, std::move(rate)});
      }
    }
    // Those with a holder word it, the largest first.
    std::stable_sort(all.begin(), all.end(), [](const Part& a, const Part& b) {
      if (a.finding.who_holds.has_value() != b.finding.who_holds.has_value()) {
        return a.finding.who_holds.has_value();
      }
      return a.finding.growth_bytes_per_second > b.finding.growth_bytes_per_second;
    });
    for (Part& one : all) {
      const auto same = std::find_if(parts_.begin(), parts_.end(), [&](const Part& part) {
        return std::find(part.of.begin(), part.of.end(), one.of.front()) == part.of.end() &&
               IsOneCause(part.finding, one.finding);
      });
      if (same == parts_.end()) {
        parts_.push_back(std::move(one));
      } else {
        Add(*same, one);
      }
    }
  }

  void Add(Part& into, const Part& from) {
    Finding& sum = into.finding;
    const Finding& more = from.finding;
    const std::size_t at = from.of.front();
    const bool is_looked_at = more.who_holds.has_value() || !sum.who_holds;
    sum.evidence.push_back(
        {fmt::format("{}: {}{}", NameOf(at),
                     more.growth_bytes_per_second > 0
                         ? "the same, " + PerMinute(more.growth_bytes_per_second)
                         : "the same, " + FormatBytes(more.bytes_at_stake),
                     is_looked_at ? "" : ", by its line; who holds it there is not proven"),
         more.growth_bytes_per_second, "bytes/second", "allocation events"});
    for (Outcome outcome : more.outcomes) {
      outcome.says = NameOf(at) + ": " + outcome.says;
      sum.outcomes.push_back(std::move(outcome));
    }
    into.of.push_back(at);
    sum.severity = std::max(sum.severity, more.severity);
    // The cgroup is the same, whoever is judged.
    if (more.id.starts_with("cgroup.")) return;
    sum.processes.insert(sum.processes.end(), more.processes.begin(), more.processes.end());
    sum.bytes_at_stake += more.bytes_at_stake;
    sum.growth_bytes_per_second += more.growth_bytes_per_second;
    if (sum.what.count && more.what.count) *sum.what.count += *more.what.count;
  }

  // The numbers of the sum, in all places where they stand.
  void Sum(Part& part, double growth_rate) const {
    Finding& finding = part.finding;
    if (growth_rate > 0 && finding.share_of_growth) {
      finding.share_of_growth = std::clamp(finding.growth_bytes_per_second / growth_rate, 0.0, 1.0);
    }
    std::stable_sort(finding.processes.begin(), finding.processes.end(),
                     [](const FindingProcess& a, const FindingProcess& b) {
                       return a.growth_bytes_per_second > b.growth_bytes_per_second;
                     });
    if (part.of.size() < 2) return;
    const Verdict& first = verdicts_[part.of.front()];
    std::optional<double> operations;
    for (const std::size_t at : part.of) {
      const auto& of_one = verdicts_[at].operations_per_second;
      if (of_one) operations = operations.value_or(0) + *of_one;
    }
    const std::string operation = OperationOf(part.of.front());
    if (finding.growth_bytes_per_operation && operations && *operations > 0) {
      finding.growth_bytes_per_operation = finding.growth_bytes_per_second / *operations;
    }
    if (const auto at = finding.title.find(part.rate); at != std::string::npos) {
      finding.title.replace(at, part.rate.size(), RateText(operation, finding));
    }
    if (finding.growth_bytes_per_second > 0) {
      finding.prediction = Prediction({operations, operation, first.limit, first.charged},
                                      finding.growth_bytes_per_second);
    }
  }

  // How much a verdict says: growth before rest, doubt before calm, and what lacks data last.
  static int Rank(const Verdict& verdict) {
    if (!verdict.missing.empty()) return 6;
    switch (verdict.word) {
      case VerdictWord::kGrowing:
        return 0;
      case VerdictWord::kBloated:
        return 1;
      case VerdictWord::kRetained:
        return 2;
      case VerdictWord::kInconclusive:
        return 3;
      case VerdictWord::kPlateau:
        return 4;
      case VerdictWord::kStable:
        return 5;
    }
    return 6;
  }

  // The process that decides. Of several that come out alike the one that grows most, or does most.
  std::size_t Lead() const {
    std::size_t lead = 0;
    for (std::size_t i = 1; i < verdicts_.size(); ++i) {
      const Verdict& one = verdicts_[i];
      const Verdict& best = verdicts_[lead];
      if (Rank(one) != Rank(best)) {
        if (Rank(one) < Rank(best)) lead = i;
      } else if (one.growth_rate != best.growth_rate) {
        if (one.growth_rate > best.growth_rate) lead = i;
      } else if (one.live.slope > best.live.slope) {
        lead = i;
      }
    }
    return lead;
  }

  void Summarize(Verdict& verdict, std::size_t lead) const {
    const std::string name = NameOf(lead);
    if (verdict.word != VerdictWord::kGrowing) {
      verdict.summary = name + ": " + verdict.summary;
      return;
    }
    std::size_t growing = 0;
    double operations = 0;
    for (const Verdict& one : verdicts_) {
      if (Rank(one) != 0) continue;
      ++growing;
      operations += one.operations_per_second.value_or(0);
    }
    const Finding& first = verdict.findings.front();
    const std::string per_operation =
        operations > 0 && first.growth_bytes_per_operation
            ? fmt::format(" ({} per {})",
                          FormatSignedBytes(std::llround(verdict.growth_rate / operations)),
                          OperationOf(lead))
            : "";
    verdict.summary =
        growing == 1
            ? fmt::format("{} grows by {}{}", name, PerMinute(verdict.growth_rate), per_operation)
            : fmt::format("{} processes grow by {}{}, most of all {}", growing,
                          PerMinute(verdict.growth_rate), per_operation, name);
    verdict.summary +=
        first.share_of_growth
            ? fmt::format("; {:.0f} % of it: {}.", *first.share_of_growth * 100, first.title)
            : fmt::format(": {}.", first.title);
  }

  const model::Recording& recording_;
  std::vector<Verdict> verdicts_;
  std::vector<Part> parts_;
};

}  // namespace

Verdict MergeVerdicts(const model::Recording& recording, std::vector<Verdict> verdicts) {
  return Merging(recording, std::move(verdicts)).Run();
}

}  // namespace memwhy::analysis
