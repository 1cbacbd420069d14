// SPDX-License-Identifier: Apache-2.0
//
// SipHash-2-4 with 128 bits of result: a keyed hash that nobody can aim collisions at without the
// key. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), and the 128-bit
// variant of its reference. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::govern {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

Hash128 SipHash128(const Hash128& key, const void* data, std::size_t size);

}  // namespace memwhy::govern
