// SPDX-License-Identifier: Apache-2.0
//
// An entry of /proc/self/pagemap, 8 bytes for each page.
// Source: Linux Documentation/admin-guide/mm/pagemap.rst.
#pragma once

#include <cstdint>

namespace memwhy::agent {

inline constexpr std::uintptr_t kPageBytes = 4096;

inline constexpr std::uint64_t kPageIsPresent = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kPageIsSwapped = std::uint64_t{1} << 62;
inline constexpr std::uint64_t kPageIsGuard = std::uint64_t{1} << 58;  // Linux 6.15
inline constexpr std::uint64_t kPageIsOurs = std::uint64_t{1} << 56;   // mapped once only

}  // namespace memwhy::agent
