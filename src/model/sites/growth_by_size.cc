// SPDX-License-Identifier: Apache-2.0
#include "model/sites/growth_by_size.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace memwhy::model {
namespace {

constexpr double kBySize = 0.5;                // of the growth
constexpr Bytes kMinGrown = Bytes{64} * 1024;  // less is not judged, and costs no look
constexpr double kFewBlocks = 64;
constexpr double kMoreBlocks = 2.1;  // a block and its successor may both be there for a moment
constexpr double kMost = 0.9;        // of the bytes
constexpr std::size_t kMaxLargest = 256;

}  // namespace

Bytes GrownBySize(const SizeSum& from, const SizeSum& to, Bytes grown, bool is_resized) {
  if (grown < kMinGrown || from.count() == 0 || to.count() > kMoreBlocks * from.count()) return 0;
  if (!is_resized && to.count() > kFewBlocks) return 0;
  const double by_size = std::min(from.count(), to.count()) * (to.mean() - from.mean());
  if (by_size < kBySize * static_cast<double>(grown)) return 0;
  return static_cast<Bytes>(std::llround(std::min(by_size, static_cast<double>(grown))));
}

void KeepLargest(std::vector<SurvivorBlock>* blocks) {
  std::stable_sort(blocks->begin(), blocks->end(),
                   [](const SurvivorBlock& a, const SurvivorBlock& b) { return a.size > b.size; });
  double all = 0;
  for (const SurvivorBlock& block : *blocks) all += static_cast<double>(block.size);
  double kept = 0;
  std::size_t count = 0;
  while (count < std::min(blocks->size(), kMaxLargest) && kept < kMost * all) {
    kept += static_cast<double>((*blocks)[count++].size);
  }
  blocks->resize(count);
}

}  // namespace memwhy::model
