// SPDX-License-Identifier: Apache-2.0
//
// Names of a target as text of a file. They are bytes that its code chose: anything may be in them.
#pragma once

#include <string>
#include <string_view>

namespace memwhy::exports {

// Well-formed UTF-8: each byte that belongs to no character becomes U+FFFD, as do surrogates, which
// Python strings may hold and UTF-8 cannot.
std::string ValidUtf8(std::string_view text);

// A JSON string with its quotes, in UTF-8.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace memwhy::exports
