// SPDX-License-Identifier: Apache-2.0
//
// Two bits for each 16 bytes of 64 KiB of addresses: MarkMap says what they mean.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

struct MarkBlock {
  static constexpr std::size_t kWords = 64;  // 4096 bits for 64 KiB in steps of 16 bytes

  std::uintptr_t number;  // address >> 16
  std::uint64_t seen[kWords];
  std::uint64_t named[kWords];
};

}  // namespace memwhy::agent
