// SPDX-License-Identifier: Apache-2.0
//
// The one way from the text of a fact to JSON. Hostile input: a first pass, which builds nothing,
// bounds depth (what walks the document later may call itself), members of one object (an ordered
// one is searched from its start for each) and values; the document takes at most kFactMemory bytes
// for each byte of its text. Never throws; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace memwhy::session {

inline constexpr std::size_t kMaxFactDepth = 16;
inline constexpr std::size_t kMaxFactMembers = 256;  // of one object
inline constexpr std::size_t kMaxFactValues = std::size_t{1} << 24;
inline constexpr std::uint64_t kFactMemory = 64;

// "" or why the text is no fact.
std::string_view WhyNoFact(std::string_view text);

// For nlohmann::json and nlohmann::ordered_json.
template <typename Json>
Result<Json> ParseFact(std::string_view text) {
  if (const std::string_view why = WhyNoFact(text); !why.empty()) return Error(std::string(why));
  Json fact = Json::parse(text, nullptr, false);
  if (fact.is_discarded()) return Error("a fact is no JSON");
  return fact;
}

}  // namespace memwhy::session
