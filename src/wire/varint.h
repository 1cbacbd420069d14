// SPDX-License-Identifier: Apache-2.0
//
// Variable-length integers of the event stream: LEB128, least significant group first, at most
// ten bytes; signed values are zig-zag folded first. Used by the agent (encode, never fails: the
// caller has reserved room) and by readers (decode, bounds-checked: the stream is hostile input).
#pragma once

#include <cstdint>

namespace memwhy::wire {

inline constexpr int kMaxVarintBytes = 10;

// Writes `value` at `out` and returns the end. Needs kMaxVarintBytes of room.
inline std::uint8_t* PutVarint(std::uint8_t* out, std::uint64_t value) noexcept {
  while (value >= 0x80) {
    *out++ = static_cast<std::uint8_t>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

// Reads one value at `in` (not past `end`). Returns the position after it, or nullptr when the
// bytes end early or the value does not fit 64 bits.
inline const std::uint8_t* GetVarint(const std::uint8_t* in, const std::uint8_t* end,
                                     std::uint64_t* value) noexcept {
  std::uint64_t result = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (in == end) return nullptr;
    const std::uint8_t byte = *in++;
    if (shift == 63 && byte > 1) return nullptr;
    result |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) {
      *value = result;
      return in;
    }
  }
  return nullptr;
}

inline constexpr std::uint64_t ZigZag(std::int64_t value) noexcept {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}

inline constexpr std::int64_t UnZigZag(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

}  // namespace memwhy::wire
