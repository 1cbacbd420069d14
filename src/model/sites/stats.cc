// SPDX-License-Identifier: Apache-2.0
#include "model/sites/stats.h"

#include <limits>

#include "model/sites/site_account.h"

namespace memwhy::model {

Result<Stats> ComputeStats(const EventSource& source, const StatsOptions& options) {
  const double to = options.to.value_or(std::numeric_limits<double>::infinity());
  SiteAccount account(options.from, to, source.recording().folded);
  if (auto replayed = source.Replay(account); !replayed) return replayed.error();
  return account.Finish(source.recording().seconds);
}

}  // namespace memwhy::model
