// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4), for the hashes of a Content-Security-Policy. Not for secrets.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace memwhy::report {

std::array<std::uint8_t, 32> Sha256(std::string_view text);

}  // namespace memwhy::report
