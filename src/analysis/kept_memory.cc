// SPDX-License-Identifier: Apache-2.0
#include "analysis/kept_memory.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "analysis/describe.h"
#include "model/ledger/share_kind.h"

namespace memwhy::analysis {
namespace {

constexpr double kHighShare = 0.3;  // of rss, free but kept
constexpr Bytes kHighBytes = Bytes{64} * 1024 * 1024;
constexpr double kArenaShare = 0.2;     // of rss, free in arenas of threads
constexpr std::size_t kArenas = 3;      // so many are a spread
constexpr double kSparse = 0.25;        // of a heap: so much is free
constexpr double kPinnedShare = 0.5;    // of what heaps have free: the run below the pin
constexpr double kPinsOfTheRun = 0.05;  // the blocks above it are no larger than that

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

const model::MallocView* MallocAtEnd(const Case& one) {
  return one.ends != nullptr && one.ends->end.malloc ? &*one.ends->end.malloc : nullptr;
}

bool IsMuch(const Case& one, Bytes bytes, Bytes least, double share) {
  const model::Ledger* end = LedgerAt(one, "end");
  return end != nullptr && bytes >= least &&
         static_cast<double>(bytes) >= share * static_cast<double>(end->total);
}

bool IsSpread(const Case& one, const model::MallocView& view) {
  Bytes free = 0;
  std::size_t arenas = 0;
  for (const model::MallocHeap& heap : view.heaps) {
    if (heap.is_main) continue;
    free += heap.free;
    if (static_cast<double>(heap.free) >= kSparse * static_cast<double>(heap.resident)) ++arenas;
  }
  return arenas >= kArenas && IsMuch(one, free, kKeptBytes, kArenaShare) && 2 * free >= view.free;
}

}  // namespace

const model::Ledger* LedgerAt(const Case& one, std::string_view at) {
  for (const model::Ledger& ledger : one.ledgers) {
    if (ledger.account == "rss" && ledger.at == at) return &ledger;
  }
  return nullptr;
}

Bytes ShareBytes(const model::Ledger* ledger, model::ShareKind kind) {
  if (ledger == nullptr) return 0;
  Bytes bytes = 0;
  for (const model::Share& share : ledger->shares) {
    if (share.kind == kind) bytes += share.bytes;
  }
  return bytes;
}

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

bool InUseGrows(const Case& one) {
  return one.live.trend == Trend::kGrowing || !one.suspects.empty();
}

const model::MallocHeap* PinnedHeap(const Case& one) {
  const model::MallocView* view = MallocAtEnd(one);
  if (view == nullptr) return nullptr;
  for (const model::MallocHeap& heap : view->heaps) {
    const auto run = static_cast<double>(heap.largest_gap);
    const bool is_pinned = heap.blocks_above > 0 && heap.highest &&
                           IsMuch(one, heap.largest_gap, kKeptBytes, kArenaShare) &&
                           run >= kPinnedShare * static_cast<double>(view->free) &&
                           static_cast<double>(heap.bytes_above) <= kPinsOfTheRun * run;
    if (is_pinned) return &heap;
  }
  return nullptr;
}

Keeper WhoKeeps(const Case& one) {
  if (InUseGrows(one)) return Keeper::kNobody;
  const bool is_rising = WhyRssRises(one) == RssRise::kRetained;
  const std::optional<Bytes> kept = FreeButKept(LedgerAt(one, "end"));
  const bool is_high = kept && IsMuch(one, *kept, kHighBytes, kHighShare);
  const model::MallocView* view = MallocAtEnd(one);
  if (view == nullptr) return is_rising || is_high ? Keeper::kUnknown : Keeper::kNobody;
  if (PinnedHeap(one) != nullptr) return Keeper::kPinnedHeap;
  if (IsSpread(one, *view)) return Keeper::kArenas;
  const model::Ledger* end = LedgerAt(one, "end");
  if (IsMuch(one, view->free, kKeptBytes, kHighShare)) return Keeper::kGlibc;
  // What is kept is not malloc's, or not most of it; pymalloc's part has a rule of its own.
  const bool is_pymalloc = 2 * ShareBytes(end, model::ShareKind::kPymallocFree) > kept.value_or(0);
  return is_rising || (is_high && !is_pymalloc) ? Keeper::kUnknown : Keeper::kNobody;
}

Finding DescribeKept(const Case& one, Bytes kept) {
  const bool is_rising = WhyRssRises(one) == RssRise::kRetained;
  Finding finding;
  finding.kind = Kind::kAllocatorRetention;
  finding.layer = Layer::kNative;
  finding.bytes_layer = Layer::kNative;
  finding.severity = is_rising ? Severity::kLow : Severity::kInfo;
  finding.confidence = Lowered(one, Confidence::kStrong);
  finding.growth_bytes_per_second = is_rising ? one.rss.slope : 0;
  finding.bytes_at_stake = kept;
  finding.evidence.push_back(
      {"live bytes: " + one.live.why, one.live.slope, "bytes/second", "allocation events"});
  if (one.rss.bins > 0) {
    finding.evidence.push_back(
        {"rss: " + one.rss.why, one.rss.slope, "bytes/second", "/proc/PID/statm"});
  }
  return finding;
}

void AddMallocEvidence(const Case& one, Finding& finding) {
  const model::MallocView* view = MallocAtEnd(one);
  if (view == nullptr) return;
  finding.evidence.push_back(
      {fmt::format("heaps of malloc: {} resident in {} heaps, {} of it in no live block",
                   FormatBytes(view->resident), view->heaps.size(), FormatBytes(view->free)),
       static_cast<double>(view->free), "bytes", "live blocks and resident pages"});
  finding.evidence.push_back({fmt::format("malloc_trim(0) gives back {}, the whole pages of it",
                                          FormatBytes(view->trimmable)),
                              static_cast<double>(view->trimmable), "bytes",
                              "live blocks and resident pages"});
  finding.prediction =
      fmt::format("malloc_trim(0) lowers rss by about {} now.{}", FormatBytes(view->trimmable),
                  finding.growth_bytes_per_second > 0
                      ? " " + Prediction(one, finding.growth_bytes_per_second)
                      : std::string(" Without it rss stays where it is while the "
                                    "load stays the same."));
  finding.would_disprove = "rss does not fall by that when the program calls malloc_trim(0).";
}

Check KeptCheck(const Case& one, const char* id) {
  Check check;
  check.id = id;
  if (InUseGrows(one)) {
    check.result = CheckResult::kNotApplicable;
    check.why = "what is in use grows";
    return check;
  }
  const model::MallocView* view = MallocAtEnd(one);
  if (view == nullptr) {
    check.result = CheckResult::kCouldNot;
    check.why = "not every block and resident page of malloc's heaps is known";
    return check;
  }
  check.result = CheckResult::kPass;
  check.why = fmt::format("{} of {} in {} heaps of malloc are free; malloc_trim would give back {}",
                          FormatBytes(view->free), FormatBytes(view->resident), view->heaps.size(),
                          FormatBytes(view->trimmable));
  return check;
}

}  // namespace memwhy::analysis
