// SPDX-License-Identifier: Apache-2.0
//
// Strong identifiers of the model. They index tables of one Recording and mean nothing elsewhere.
#pragma once

#include <cstdint>
#include <functional>

namespace memwhy::model {

template <typename Tag>
struct Id {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(Id, Id) = default;
};

using FrameId = Id<struct FrameTag>;
using StackId = Id<struct StackTag>;
using ProcessId = Id<struct ProcessTag>;  // index into Recording::processes
using ThreadId = Id<struct ThreadTag>;    // index into Recording::threads

}  // namespace memwhy::model

template <typename Tag>
struct std::hash<memwhy::model::Id<Tag>> {
  std::size_t operator()(memwhy::model::Id<Tag> id) const noexcept {
    return std::hash<std::uint32_t>{}(id.value);
  }
};
