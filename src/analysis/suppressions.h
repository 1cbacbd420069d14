// SPDX-License-Identifier: Apache-2.0
//
// Findings that somebody has looked at and accepts: they are told apart and blame nobody. A file of
// lines, each the rule and what the finding must say besides; all that is written must match:
//
//   py.container_growth  holder="app.CACHE"  reason="holds 2 million users at most"
//   site.*               line="*/vendor/*:open"   reason="ticket 123"
//
// Patterns have * for any text and ? for one character. Keys: holder (its path, or the holder),
// type (of what accumulates), line (FILE:FUNCTION of the line that allocates or fills). `#` begins
// a comment. A reason is needed. Pure; grammar and examples: docs/verdicts.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analysis/finding.h"
#include "base/result.h"

namespace memwhy::analysis {

struct Suppression {
  std::string id;      // pattern
  std::string holder;  // patterns; "": anything
  std::string type;
  std::string place;
  std::string reason;
  int line = 0;  // of the file
};

// `name` is said in errors, which name the line and what is wrong with it.
Result<std::vector<Suppression>> ParseSuppressions(std::string_view text, std::string_view name);

// Whether all of the pattern matches all of the text. Linear in both but for repeated `*`.
bool MatchesPattern(std::string_view pattern, std::string_view text);

bool Matches(const Suppression& suppression, const Finding& finding);

// Moves findings that match from `findings` to `suppressed`; where nobody is blamed any more the
// summary says so. The word stays: what grows, grows.
void Suppress(const std::vector<Suppression>& suppressions, Verdict* verdict);

}  // namespace memwhy::analysis
