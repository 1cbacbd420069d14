// SPDX-License-Identifier: Apache-2.0
//
// What a gate says as GitHub Markdown: for a pull request's comment, a step summary. Names of
// workloads and stacks stay text: nothing in them can become a link, a mention or markup. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gate/judge/result.h"

namespace memwhy::gate {

// Whole sections are left out where it would be longer than `max_bytes`, which is said.
std::string GateMarkdown(const GateResult& result, std::size_t max_bytes = 60000);

// Text inside of a line of Markdown: what could mean something is written as a character reference.
std::string MarkdownText(std::string_view text);

}  // namespace memwhy::gate
