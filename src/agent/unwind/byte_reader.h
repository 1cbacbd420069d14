// SPDX-License-Identifier: Apache-2.0
//
// Reads numbers of an ELF file's tables where they lie, never outside of [begin, end). After the
// first read that does not fit all reads give 0, and is_bad stays. Context: inside malloc.
#pragma once

#include <cstdint>
#include <cstring>

namespace memwhy::agent {

struct ByteReader {
  const std::uint8_t* at = nullptr;
  const std::uint8_t* end = nullptr;
  bool is_bad = false;

  std::size_t left() const { return static_cast<std::size_t>(end - at); }

  template <typename T>
  T Take() noexcept {
    T value{};
    if (is_bad || left() < sizeof(T)) {
      is_bad = true;
      return value;
    }
    std::memcpy(&value, at, sizeof(T));
    at += sizeof(T);
    return value;
  }

  std::uint64_t Unsigned() noexcept {  // LEB128
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = Take<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    is_bad = true;
    return 0;
  }

  std::int64_t Signed() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64;) {
      const auto byte = Take<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if (shift < 64 && (byte & 0x40) != 0) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
    is_bad = true;
    return 0;
  }

  void Skip(std::uint64_t bytes) noexcept {
    if (is_bad || bytes > left()) {
      is_bad = true;
      return;
    }
    at += bytes;
  }
};

}  // namespace memwhy::agent
