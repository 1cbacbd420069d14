// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"

namespace memwhy {
namespace {

struct Number {
  double value;
  std::string unit;  // lower case
};

Result<Number> SplitNumber(std::string_view text, std::string_view what) {
  const std::string_view trimmed = Trim(text);
  double value = 0;
  const auto [end, code] = std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), value,
                                           std::chars_format::fixed);
  if (code != std::errc() || !std::isfinite(value) || value < 0) {
    return Error::Of("\"{}\" is not a {}", text, what);
  }
  const auto used = static_cast<std::size_t>(end - trimmed.data());
  return Number{value, ToLower(Trim(trimmed.substr(used)))};
}

}  // namespace

std::string FormatBytes(Bytes bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.5 would be shown as "1024" or worse as "1.02e3": it belongs to the next unit.
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string FormatSignedBytes(SignedBytes bytes) {
  if (bytes == 0) return "0 B";
  const Bytes magnitude =
      bytes < 0 ? Bytes{0} - static_cast<Bytes>(bytes) : static_cast<Bytes>(bytes);
  return (bytes < 0 ? "-" : "+") + FormatBytes(magnitude);
}

std::string FormatCount(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string FormatSeconds(double seconds) {
  if (seconds < 0) return "-" + FormatSeconds(-seconds);
  if (seconds == 0) return "0 s";
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 9.995) return fmt::format("{:.2f} s", seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

Result<Bytes> ParseBytes(std::string_view text) {
  MEMWHY_TRY(const Number number, SplitNumber(text, "size; try 64k, 10 MiB or 1.5G"));
  std::string_view unit = number.unit;
  static constexpr std::string_view kPrefixes = "kmgtpe";
  double scale = 1;
  if (!unit.empty() && unit != "b" && unit != "bytes") {
    const std::size_t prefix = kPrefixes.find(unit.front());
    const std::string_view rest = unit.substr(1);
    if (prefix == std::string_view::npos ||
        !(rest.empty() || rest == "b" || rest == "ib" || rest == "i")) {
      return Error::Of("\"{}\" has no size unit that is known; try 64k, 10 MiB or 1.5G", text);
    }
    scale = std::ldexp(1.0, 10 * (static_cast<int>(prefix) + 1));
  }
  const double bytes = number.value * scale;
  if (bytes >= 18446744073709551616.0) return Error::Of("\"{}\" is too large", text);
  return static_cast<Bytes>(bytes);
}

Result<double> ParseDuration(std::string_view text) {
  MEMWHY_TRY(const Number number, SplitNumber(text, "duration; try 30, 60s, 5m or 1h"));
  const std::string_view unit = number.unit;
  if (unit.empty() || unit == "s" || unit == "sec") return number.value;
  if (unit == "ms") return number.value / 1000;
  if (unit == "m" || unit == "min") return number.value * 60;
  if (unit == "h") return number.value * 3600;
  if (unit == "d") return number.value * 86400;
  return Error::Of("\"{}\" has no time unit that is known; try 30, 60s, 5m or 1h", text);
}

Bytes RoundToBytes(double bytes) { return static_cast<Bytes>(std::llround(std::max(0.0, bytes))); }

}  // namespace memwhy
