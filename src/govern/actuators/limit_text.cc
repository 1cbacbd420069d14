// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/limit_text.h"

#include <string_view>

namespace memwhy::govern {

std::string FillLimit(std::string text, std::int64_t limit) {
  constexpr std::string_view kPlace = "{{limit}}";
  for (std::size_t at = 0; (at = text.find(kPlace, at)) != std::string::npos;) {
    text.replace(at, kPlace.size(), std::to_string(limit));
  }
  return text;
}

}  // namespace memwhy::govern
