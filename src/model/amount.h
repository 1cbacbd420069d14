// SPDX-License-Identifier: Apache-2.0
//
// Bytes and blocks, and how they spread over sizes. Pure.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace memwhy::model {

struct Amount {
  Bytes bytes = 0;  // requested
  std::uint64_t blocks = 0;
  Amount& operator+=(const Amount& other) {
    bytes += other.bytes;
    blocks += other.blocks;
    return *this;
  }
  friend bool operator==(const Amount&, const Amount&) = default;
};

// By powers of two: class 0 is the size 0, class n holds [2^(n-1), 2^n).
inline constexpr std::size_t kSizeClassCount = 65;
using SizeClasses = std::array<Amount, kSizeClassCount>;
constexpr std::size_t SizeClassOf(std::uint64_t size) {
  return static_cast<std::size_t>(std::bit_width(size));
}
// The smallest size of a class.
constexpr std::uint64_t SizeClassBegin(std::size_t size_class) {
  return size_class == 0 ? 0 : std::uint64_t{1} << (size_class - 1);
}

}  // namespace memwhy::model
