// SPDX-License-Identifier: Apache-2.0
#include "report/views/size_histogram.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"

namespace memwhy::report {
namespace {

constexpr double kBarColumns = 12;

std::uint64_t LastSize(std::size_t size_class) {
  if (size_class == 0) return 0;
  return model::SizeClassBegin(size_class) + (model::SizeClassBegin(size_class) - 1);
}

bool IsEmpty(const model::Stats& stats, std::size_t size_class) {
  return stats.live_by_size[size_class].blocks == 0 &&
         stats.allocated_by_size[size_class].blocks == 0;
}

}  // namespace

Json SizesJson(const model::Stats& stats) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < model::kSizeClassCount; ++i) {
    if (IsEmpty(stats, i)) continue;
    rows.push_back({{"from", model::SizeClassBegin(i)},
                    {"to", LastSize(i)},
                    {"live", AmountJson(stats.live_by_size[i])},
                    {"allocated", AmountJson(stats.allocated_by_size[i])}});
  }
  return rows;
}

std::string SizeHistogramText(const model::Stats& stats) {
  Bytes most = 0;
  for (const model::Amount& amount : stats.live_by_size) most = std::max(most, amount.bytes);
  std::string text = "\nSizes of blocks, requested bytes:\n";
  text += fmt::format("  {:<13}{:>13}{:>10}{:>17}{:>10}  {}\n", "at least", "live blocks", "bytes",
                      "allocated blocks", "bytes", "live bytes");
  for (std::size_t i = 0; i < model::kSizeClassCount; ++i) {
    if (IsEmpty(stats, i)) continue;
    const model::Amount& live = stats.live_by_size[i];
    const model::Amount& allocated = stats.allocated_by_size[i];
    const double share =
        most == 0 ? 0 : static_cast<double>(live.bytes) / static_cast<double>(most);
    const std::string bar(static_cast<std::size_t>(std::ceil(share * kBarColumns)), '#');
    const std::string line =
        fmt::format("  {:<13}{:>13}{:>10}{:>17}{:>10}  {}", FormatBytes(model::SizeClassBegin(i)),
                    FormatCount(live.blocks), FormatBytes(live.bytes),
                    FormatCount(allocated.blocks), FormatBytes(allocated.bytes), bar);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace memwhy::report
