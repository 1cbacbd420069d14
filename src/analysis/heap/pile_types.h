// SPDX-License-Identifier: Apache-2.0
//
// Types whose objects are work under way: when they become more and more, something waits for ever.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace memwhy::analysis {

struct PileType {
  std::string_view type;
  std::string_view plural;
};

inline constexpr std::array<PileType, 5> kPileTypes = {{{"_asyncio.Task", "tasks"},
                                                        {"asyncio.tasks.Task", "tasks"},
                                                        {"threading.Thread", "threads"},
                                                        {"coroutine", "coroutines"},
                                                        {"greenlet.greenlet", "greenlets"}}};

constexpr bool IsPileType(std::string_view type) {
  return std::any_of(kPileTypes.begin(), kPileTypes.end(),
                     [&](const PileType& pile) { return pile.type == type; });
}

}  // namespace memwhy::analysis
