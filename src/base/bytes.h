// SPDX-License-Identifier: Apache-2.0
// Byte counts and how people see them: IEC units with three significant digits, signed deltas,
// counts and seconds; and the parsers of the same on a command line. No state, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace memwhy {

using Bytes = std::uint64_t;
using SignedBytes = std::int64_t;

// "512 B", "1.46 GiB", "0 B".
std::string FormatBytes(Bytes bytes);

// "+312 MiB", "-1.50 KiB", "0 B".
std::string FormatSignedBytes(SignedBytes bytes);

// "999", "12,345".
std::string FormatCount(std::uint64_t count);

// "850 ms", "12.5 s", "3 min 20 s", "2 h 5 min".
std::string FormatSeconds(double seconds);

// Accepts "10 MiB", "64k", "1GB", "1.5G", "4096". All units are powers of 1024.
Result<Bytes> ParseBytes(std::string_view text);

// Accepts "60s", "5m", "1h", "2d", "250ms", "30" (seconds). Returns seconds, never negative.
Result<double> ParseDuration(std::string_view text);

// The nearest number of bytes; 0 of what is negative.
Bytes RoundToBytes(double bytes);

}  // namespace memwhy
