// SPDX-License-Identifier: Apache-2.0
//
// The `session` object that opens every document: findings.md's fields and `ended`. Unknown is
// null. Pure; text that is no UTF-8 is repaired when the document is dumped (DumpJson).
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "model/amount.h"
#include "model/frame.h"
#include "model/recording.h"

namespace memwhy::report {

using Json = nlohmann::ordered_json;

// Marks are counted under the most frequent name; complete after a replay.
Json SessionJson(const model::Recording& recording);

// {"bytes", "blocks"}.
Json AmountJson(const model::Amount& amount);

const char* LanguageName(model::Language language);

Json FrameJson(const model::Frame& frame);

// null for "".
Json TextOrNull(const std::string& text);

// One line; bytes that are no UTF-8 become U+FFFD, hidden characters \u escapes (terminal_text.h).
std::string DumpJson(const Json& document);

}  // namespace memwhy::report
