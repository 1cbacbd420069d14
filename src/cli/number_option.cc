// SPDX-License-Identifier: Apache-2.0
#include "cli/number_option.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace memwhy::cli {

CLI::Validator WholeNumber(std::uint64_t least, std::uint64_t most) {
  return {
      [least, most](const std::string& text) -> std::string {
        std::uint64_t number = 0;
        const char* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, number);
        if (parsed.ec == std::errc() && parsed.ptr == end && number >= least && number <= most) {
          return "";
        }
        return most == UINT32_MAX
                   ? fmt::format("'{}' is no whole number from {} on", text, least)
                   : fmt::format("'{}' is no whole number from {} to {}", text, least, most);
      },
      ""};
}

CLI::Validator NotNegative() {
  return {[](const std::string& text) -> std::string {
            char* end = nullptr;
            const double number = std::strtod(text.c_str(), &end);
            const bool is_number = end != text.c_str() && *end == '\0' && std::isfinite(number);
            return is_number && number >= 0 ? "" : fmt::format("'{}' is no number from 0 on", text);
          },
          ""};
}

}  // namespace memwhy::cli
