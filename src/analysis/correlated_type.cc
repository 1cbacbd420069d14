// SPDX-License-Identifier: Apache-2.0
#include "analysis/correlated_type.h"

#include <algorithm>
#include <cmath>

#include "analysis/heap/type_rank.h"

namespace memwhy::analysis {
namespace {

constexpr double kFewestObjects = 20;  // more in the second dump
constexpr double kMaxTimes = 3;        // blocks of one object, or objects of one block
constexpr double kApart = 0.05;        // from a whole number

}  // namespace

const TypeGrowth* CorrelatedType(const Case& one, const Suspect& suspect) {
  if (suspect.stacks.empty() || suspect.grows_by_size() || one.holders == nullptr ||
      one.holders->seconds_between <= 0) {
    return nullptr;
  }
  const model::WindowOptions& window = one.view.options;
  const double seconds = window.tail_from - window.from;
  const auto blocks = static_cast<double>(suspect.stacks.front().row->survivor_blocks);
  if (seconds <= 0 || blocks < kFewestObjects) return nullptr;
  const TypeGrowth* found = nullptr;
  for (const TypeGrowth& type : one.holders->types) {
    if (type.after <= type.before || RankOf(type.type) > TypeRank::kLibrary) continue;
    const auto more = static_cast<double>(type.after - type.before);
    if (more < kFewestObjects) continue;
    const double ratio = blocks / seconds / (more / one.holders->seconds_between);
    const double times = ratio >= 1 ? ratio : 1 / ratio;
    const double whole = std::round(times);
    if (whole > kMaxTimes || std::abs(times - whole) > kApart) continue;
    if (found != nullptr) return nullptr;
    found = &type;
  }
  return found;
}

}  // namespace memwhy::analysis
