// SPDX-License-Identifier: Apache-2.0
//
// Everything that memwhy.stats/1 says (docs/formats/stats.md): per site and in total, what is live,
// what was live at the peak, what was allocated, released and released at once, in a range of time.
// One replay, exact, no sampling. Of a session whose older part is folded
// (Recording::folded) a range begins at 0, or at the end of that part at the earliest.
// Invariants: totals are the sums over the sites; over a whole session, for every site,
// live = inherited + allocated - released; the peak is the sum of the sites' at_peak.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/amount.h"
#include "model/sites/event_source.h"
#include "model/sites/site_table.h"

namespace memwhy::model {

struct StatsOptions {
  double from = 0;           // seconds; events at `from` and at `to` belong to the range
  std::optional<double> to;  // nullopt: the session's end
};

struct SiteStats {
  SiteKey key;
  Amount live;       // at the range's end; of an ended process at its end
  Amount at_peak;    // at the instant of the highest total of the range
  Amount allocated;  // in the range
  Amount released;   // in the range, of blocks that this site allocated, whoever frees them
  Amount temporary;  // in the range: released by the thread that allocated, before its next one
};

struct Stats {
  double from = 0;
  double to = 0;
  Amount live;
  Amount peak;  // over the processes alive at that instant
  double peak_at = 0;
  Amount allocated;
  Amount released;
  Amount temporary;
  // Sites with nothing to say in the range are left out. Largest live first, then allocated, then
  // in the order of their first event.
  std::vector<SiteStats> sites;
  SizeClasses live_by_size{};          // as `live`; a mapping counts by what is left of it
  SizeClasses allocated_by_size{};     // in the range
  std::uint64_t unknown_releases = 0;  // of addresses born before recording; bytes unknown
  std::uint64_t unknown_unmaps = 0;    // ranges in which nothing known was mapped
  std::uint64_t replaced_blocks = 0;   // an address was handed out again without a release seen
};

Result<Stats> ComputeStats(const EventSource& source, const StatsOptions& options);

}  // namespace memwhy::model
