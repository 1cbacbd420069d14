// SPDX-License-Identifier: Apache-2.0
//
// Secrets that are known by their looks or by what stands around them, in any text: an argument, a
// script behind -c, a URL, JSON. Pure.
#pragma once

#include <string>
#include <string_view>

namespace memwhy::recorder {

inline constexpr std::string_view kMask = "***";

// "$PASSWORD", "${X}", "$(cat x)": the value is elsewhere.
bool IsVariable(std::string_view value);

// Masks passwords in URLs, values of names that speak of a secret (name=value, "name": "value",
// Name: value), what follows "Bearer" and the like, and keys and tokens of known forms.
std::string MaskSecrets(std::string_view text);

}  // namespace memwhy::recorder
