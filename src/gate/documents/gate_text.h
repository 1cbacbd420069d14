// SPDX-License-Identifier: Apache-2.0
//
// What a gate says, for a terminal of 80 columns. Pure.
#pragma once

#include <string>

#include "gate/judge/result.h"

namespace memwhy::gate {

std::string GateText(const GateResult& result);

// Parts that the documents share.

// "REGRESS: 2 of 5 budgets are broken".
std::string VerdictLine(const GateResult& result);
// "142 MiB -> 219 MiB (+53.7 %)"; "12.0 KiB per operation".
std::string ChangeLine(const BoundResult& bound);
// "+5.10 MiB", "at most 400 MiB", "0 per operation".
std::string AllowedText(const BoundResult& bound);
// "rss_peak increase".
std::string BoundTitle(const BoundResult& bound);
// "+10.2 KiB in 12 blocks: app.Cache.put (app.py:42) [changed] < app.serve (app.py:90)".
std::string StackLine(const StackSample& stack);
// Of a broken budget, at most.
inline constexpr std::size_t kStacksInDocuments = 5;
// A sign for those who see no colour: "x", "ok", "?", "+", "!".
const char* StateSign(State state);

}  // namespace memwhy::gate
