// SPDX-License-Identifier: Apache-2.0
#include "analysis/sample_series.h"

#include <algorithm>

#include "analysis/main_process.h"

namespace memwhy::analysis {

std::optional<std::vector<Bytes>> SampleFloors(const Case& one, const SampleNumber& number) {
  const model::WindowOptions& window = one.view.options;
  const auto bins = static_cast<std::size_t>(std::max(1, window.bins));
  if (one.seconds <= 0) return std::nullopt;
  std::vector<std::optional<Bytes>> floors(bins);
  for (const model::OsSample& sample : one.recording.os_samples) {
    if (sample.process != MainProcess(one.recording)) continue;
    if (sample.time < window.from || sample.time > window.to) continue;
    const auto value = number(sample);
    if (!value) continue;
    const double share = (sample.time - window.from) / one.seconds;
    const auto bin =
        std::min(bins - 1, static_cast<std::size_t>(share * static_cast<double>(bins)));
    floors[bin] = std::min(floors[bin].value_or(*value), *value);
  }
  std::vector<Bytes> known;
  for (const std::optional<Bytes>& floor : floors) {
    if (!floor) return std::nullopt;
    known.push_back(*floor);
  }
  return known;
}

std::optional<std::uint64_t> LastSample(const Case& one, const SampleNumber& number) {
  std::optional<std::uint64_t> last;
  for (const model::OsSample& sample : one.recording.os_samples) {
    if (sample.process != MainProcess(one.recording)) continue;
    if (sample.time > one.view.options.to) break;
    if (const auto value = number(sample)) last = value;
  }
  return last;
}

}  // namespace memwhy::analysis
