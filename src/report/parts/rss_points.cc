// SPDX-License-Identifier: Apache-2.0
#include "report/parts/rss_points.h"

#include <algorithm>
namespace memwhy::report {

std::vector<TimePoint> RssPoints(const model::Recording& recording, model::ProcessId process,
                                 std::size_t limit) {
  std::vector<TimePoint> all;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.process == process) all.push_back({sample.time, sample.rss});
  }
  if (all.size() <= limit || limit < 2) return all;
  std::vector<TimePoint> chosen;
  for (std::size_t i = 0; i < limit; ++i) {
    chosen.push_back(all[i * (all.size() - 1) / (limit - 1)]);
  }
  return chosen;
}

std::optional<FirstAndLast> RssOverWindow(const model::Recording& recording,
                                          const analysis::Verdict& verdict) {
  std::optional<FirstAndLast> rss;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.process != verdict.process || sample.time < verdict.window_from ||
        sample.time > verdict.window_to) {
      continue;
    }
    if (!rss) rss = FirstAndLast{sample.rss, sample.rss};
    rss->last = sample.rss;
  }
  return rss;
}

}  // namespace memwhy::report
