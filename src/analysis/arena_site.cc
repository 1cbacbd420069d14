// SPDX-License-Identifier: Apache-2.0
#include "analysis/arena_site.h"

#include <cstdint>
#include <map>
#include <utility>

#include "analysis/application_frame.h"

namespace memwhy::analysis {
namespace {

constexpr double kSharedLeaf = 0.8;
constexpr std::uint64_t kFewestArenas = 3;

}  // namespace

std::optional<model::StackId> ArenaSite(const Case& one) {
  std::uint64_t arenas = 0;
  std::map<Function, std::pair<Bytes, const model::StackGrowth*>> by_function;
  for (const model::StackGrowth* row : one.pooled.rows) {
    const auto frame = ApplicationFrame(one.stacks, row->stack);
    if (!frame) continue;
    auto& [bytes, lead] =
        by_function[{one.stacks.frame(*frame).file, one.stacks.frame(*frame).function}];
    bytes += row->survivor_bytes;
    arenas += row->survivor_blocks;
    if (lead == nullptr || row->survivor_bytes > lead->survivor_bytes) lead = row;
  }
  if (arenas < kFewestArenas) return std::nullopt;
  for (const auto& [function, entry] : by_function) {
    if (static_cast<double>(entry.first) >=
        kSharedLeaf * static_cast<double>(one.pooled.survivor_bytes)) {
      return entry.second->stack;
    }
  }
  return std::nullopt;
}

}  // namespace memwhy::analysis
