// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/amount_text.h"

#include <fmt/core.h>

#include <cmath>

#include "base/bytes.h"

namespace memwhy::gate {

std::string AmountText(const Metric& metric, double amount) {
  if (std::isinf(amount)) return "any";
  if (metric.unit == MetricUnit::kCount) {
    // Three digits that count; "12" not "12.0".
    return amount >= 1000 ? FormatCount(static_cast<std::uint64_t>(std::llround(amount)))
                          : fmt::format("{:.3g}", amount);
  }
  if (std::abs(amount) < 10 && amount != std::floor(amount)) return fmt::format("{:.3g} B", amount);
  return amount < 0 ? "-" + FormatBytes(RoundToBytes(-amount)) : FormatBytes(RoundToBytes(amount));
}

std::string DeltaText(const Metric& metric, double delta) {
  const std::string text = AmountText(metric, std::abs(delta));
  if (delta == 0) return text;
  return (delta < 0 ? "-" : "+") + text;
}

std::string PercentText(double percent) { return fmt::format("{:+.1f} %", percent); }

}  // namespace memwhy::gate
