// SPDX-License-Identifier: Apache-2.0
//
// Variable-length integers of the event stream: LEB128, least significant group first, at most
// ten bytes; signed values are zig-zag folded first. Used by the agent (encode, never fails: the
// caller has reserved room) and by readers (decode, bounds-checked: the stream is hostile input).
#pragma once

#include <cstdint>
#include <cstring>

namespace memwhy::wire {

inline constexpr int kMaxVarintBytes = 10;

// Up to 56 bits are spread over, or gathered from, eight bytes at once.
inline constexpr bool kLittleEndian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
inline constexpr std::uint64_t kMoreBits = 0x8080808080808080u;

constexpr std::uint64_t SpreadGroups(std::uint64_t x) noexcept {
  x = (x & 0x00fffffff0000000u) << 4 | (x & 0x000000000fffffffu);
  x = (x & 0x0fffc0000fffc000u) << 2 | (x & 0x00003fff00003fffu);
  return (x & 0x3f803f803f803f80u) << 1 | (x & 0x007f007f007f007fu);
}
constexpr std::uint64_t GatherGroups(std::uint64_t x) noexcept {
  x = (x & 0x7f007f007f007f00u) >> 1 | (x & 0x007f007f007f007fu);
  x = (x & 0x3fff00003fff0000u) >> 2 | (x & 0x00003fff00003fffu);
  return (x & 0x0fffffff00000000u) >> 4 | (x & 0x000000000fffffffu);
}

// Writes `value` at `out` and returns the end. Needs kMaxVarintBytes of room: bytes behind the end
// may be written, too.
inline std::uint8_t* PutVarint(std::uint8_t* out, std::uint64_t value) noexcept {
  if (value < 0x80) {
    *out = static_cast<std::uint8_t>(value);
    return out + 1;
  }
  if (kLittleEndian && value >> 56 == 0) {
    const unsigned last = static_cast<unsigned>(63 - __builtin_clzll(value)) / 7;  // 1 to 7
    const std::uint64_t bytes = SpreadGroups(value) | (kMoreBits >> (64 - 8 * last));
    std::memcpy(out, &bytes, sizeof(bytes));
    return out + last + 1;
  }
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
  if (kLittleEndian && end - in >= 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, in, sizeof(bytes));
    const std::uint64_t ends = ~bytes & kMoreBits;
    if (ends != 0) {
      const std::uint64_t last = ends & -ends;  // the bit above the last group
      *value = GatherGroups(bytes & (last - 1));
      return in + static_cast<unsigned>(__builtin_ctzll(last)) / 8 + 1;
    }
  }
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
