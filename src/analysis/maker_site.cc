// SPDX-License-Identifier: Apache-2.0
#include "analysis/maker_site.h"

#include <cstddef>
#include <map>
#include <utility>

#include "analysis/application_frame.h"

namespace memwhy::analysis {
namespace {

constexpr std::size_t kFewestBirths = 5;
constexpr double kMakerShare = 0.5;

}  // namespace

std::optional<model::StackId> MakerSite(const model::StackTree& stacks, const TypeGrowth& type) {
  if (type.makers.known < kFewestBirths) return std::nullopt;
  std::map<std::uint32_t, std::pair<std::size_t, model::StackId>> lines;  // by frame
  for (const auto& [stack, count] : type.makers.stacks) {
    const auto frame = ApplicationFrame(stacks, stack);
    if (!frame) continue;
    auto& [sum, lead] = lines.try_emplace(frame->value, 0, stack).first->second;
    sum += count;
  }
  for (const auto& [frame, line] : lines) {
    if (static_cast<double>(line.first) >= kMakerShare * static_cast<double>(type.makers.known)) {
      return line.second;
    }
  }
  return std::nullopt;
}

}  // namespace memwhy::analysis
