// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "analysis/describe.h"
#include "analysis/rules/rules.h"
#include "model/ledger/share_kind.h"

namespace memwhy::analysis {
namespace {

constexpr double kHighShare = 0.3;  // of rss, free but kept
constexpr Bytes kHighBytes = Bytes{64} * 1024 * 1024;

const model::Ledger* LedgerAt(const Case& one, std::string_view at) {
  for (const model::Ledger& ledger : one.ledgers) {
    if (ledger.account == "rss" && ledger.at == at) return &ledger;
  }
  return nullptr;
}

// What allocators keep free. A share of which a part may be in use does not count.
std::optional<Bytes> FreeButKept(const model::Ledger* ledger) {
  if (ledger == nullptr) return std::nullopt;
  Bytes bytes = 0;
  for (const model::Share& share : ledger->shares) {
    if (model::IsFreeButKept(share.kind)) bytes += share.bytes;
  }
  return bytes;
}

// While a program warms up, rss follows what it takes and what it drops on the way.
bool RssAloneRises(const Case& one) {
  return one.rss.bins > 0 && one.rss.trend == Trend::kGrowing && one.live.trend == Trend::kStable;
}

// Whether the ledgers say that what allocators keep free has risen as rss has, at least half of it;
// nullopt where they do not tell what is free. Between two passes over the address space rss can
// rise for other reasons: pages that are touched for the first time, of what was taken long ago.
std::optional<bool> HasKeptRisen(const Case& one) {
  const model::Ledger* start = LedgerAt(one, "start");
  const model::Ledger* end = LedgerAt(one, "end");
  const std::optional<Bytes> before = FreeButKept(start);
  const std::optional<Bytes> after = FreeButKept(end);
  if (!before || !after || *before + *after == 0) return std::nullopt;
  const double risen = static_cast<double>(end->total) - static_cast<double>(start->total);
  return 2 * (static_cast<double>(*after) - static_cast<double>(*before)) >= risen;
}

// Of rss at the window's end, what allocators keep free; nullopt: not known.
std::optional<double> KeptShare(const Case& one) {
  const model::Ledger* end = LedgerAt(one, "end");
  const std::optional<Bytes> kept = FreeButKept(end);
  if (!kept || *kept == 0 || end->total == 0) return std::nullopt;
  return static_cast<double>(*kept) / static_cast<double>(end->total);
}

Finding DescribeAllocatorRetention(const Case& one, bool is_rising) {
  const std::optional<Bytes> kept = FreeButKept(LedgerAt(one, "end"));
  Finding finding;
  finding.id = "alloc.retention";
  finding.kind = Kind::kAllocatorRetention;
  finding.layer = Layer::kNative;
  finding.bytes_layer = Layer::kNative;
  finding.severity = is_rising ? Severity::kLow : Severity::kInfo;
  finding.confidence = Confidence::kWeak;
  finding.growth_bytes_per_second = is_rising ? one.rss.slope : 0;
  finding.bytes_at_stake =
      kept.value_or(is_rising ? static_cast<Bytes>(std::llround(std::max(0.0, one.rss.net))) : 0);
  finding.title = is_rising
                      ? fmt::format(
                            "rss rises by {} per minute while what the program uses does not: an "
                            "allocator keeps what was released",
                            FormatBytes(static_cast<Bytes>(std::llround(one.rss.slope * 60))))
                      : fmt::format("allocators keep {} that the program has released",
                                    FormatBytes(finding.bytes_at_stake));
  finding.evidence.push_back(
      {"live bytes: " + one.live.why, one.live.slope, "bytes/second", "allocation events"});
  if (one.rss.bins > 0) {
    finding.evidence.push_back(
        {"rss: " + one.rss.why, one.rss.slope, "bytes/second", "/proc/PID/statm"});
  }
  if (kept) {
    finding.evidence.push_back(
        {fmt::format("{} of rss belong to free memory of allocators", FormatBytes(*kept)),
         static_cast<double>(*kept), "bytes", "ledger"});
  }
  finding.would_disprove = "rss stays as high with MALLOC_ARENA_MAX=2 and malloc_trim.";
  finding.prediction = is_rising ? Prediction(one, one.rss.slope)
                                 : "rss stays where it is while the load stays the same.";
  finding.next_step = {
      "MALLOC_ARENA_MAX=2 " + DiagnoseCommand(one, std::max(60.0, one.view.options.to)),
      "fewer arenas keep less; if rss does not fall, fragmentation is the cause"};
  finding.fix =
      "Set MALLOC_ARENA_MAX=2, or use an allocator that returns free memory (jemalloc "
      "with a short decay time). No line of the application is to blame.";
  return finding;
}

}  // namespace

RssRise WhyRssRises(const Case& one) {
  if (!RssAloneRises(one)) return RssRise::kNone;
  if (!HasKeptRisen(one).value_or(true)) return RssRise::kUnexplained;
  return KeptShare(one).value_or(1) < kHighShare ? RssRise::kLittleKept : RssRise::kRetained;
}

std::string DescribeLittleKept(const Case& one) {
  return fmt::format(
      "rss rises by {} per minute, by memory that allocators keep free: {}, {:.0f} % of rss",
      FormatBytes(static_cast<Bytes>(std::llround(one.rss.slope * 60))),
      FormatBytes(FreeButKept(LedgerAt(one, "end")).value_or(0)), KeptShare(one).value_or(0) * 100);
}

RuleOutcome CheckAllocatorRetention(const Case& one) {
  RuleOutcome outcome;
  Check& check = outcome.check;
  check.id = "alloc.retention";
  if (one.live.trend == Trend::kGrowing || !one.suspects.empty()) {
    check.result = CheckResult::kNotApplicable;
    check.why = "what is in use grows";
    return outcome;
  }
  const model::Ledger* end = LedgerAt(one, "end");
  const std::optional<Bytes> kept = FreeButKept(end);
  const bool is_high = kept && *kept >= kHighBytes &&
                       static_cast<double>(*kept) >= kHighShare * static_cast<double>(end->total);
  const RssRise rise = WhyRssRises(one);
  const bool is_rising = rise == RssRise::kRetained;
  if (is_rising || is_high) {
    outcome.findings.push_back(DescribeAllocatorRetention(one, is_rising));
    check.result = CheckResult::kFail;
    check.why = outcome.findings.front().title;
  } else if (one.rss.bins == 0 && !kept) {
    check.result = CheckResult::kCouldNot;
    check.why = "no samples of rss and no ledger";
  } else {
    check.result = CheckResult::kPass;
    check.why = rise == RssRise::kUnexplained  ? "rss rises, but what allocators keep free does not"
                : rise == RssRise::kLittleKept ? DescribeLittleKept(one)
                : one.rss.bins > 0             ? "rss: " + one.rss.why
                                               : "little memory is free but kept";
  }
  return outcome;
}

}  // namespace memwhy::analysis
