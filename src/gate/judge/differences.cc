// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/differences.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace memwhy::gate {

std::vector<std::string> Differences(const Fingerprint& baseline, const Fingerprint& candidate,
                                     const std::vector<std::string>& ignored) {
  std::set<std::string> names;
  for (const auto& [name, value] : baseline) names.insert(name);
  for (const auto& [name, value] : candidate) names.insert(name);
  std::vector<std::string> differences;
  for (const std::string& name : names) {
    const std::string part = name.substr(0, name.find('.'));
    if (std::ranges::find(ignored, part) != ignored.end()) continue;
    const auto before = baseline.find(name);
    const auto after = candidate.find(name);
    const std::string first = before == baseline.end() ? "none" : before->second;
    const std::string second = after == candidate.end() ? "none" : after->second;
    if (first == second) continue;
    differences.push_back(fmt::format("{}: {} in the baseline, {} now", name, first, second));
  }
  return differences;
}

}  // namespace memwhy::gate
