// SPDX-License-Identifier: Apache-2.0
// Small string helpers. All are pure; views point into their argument.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace memwhy {

// "a,,b" by ',' gives "a", "", "b"; an empty text gives one empty field.
std::vector<std::string_view> Split(std::string_view text, char separator);

// Fields between runs of spaces and tabs; none is empty.
std::vector<std::string_view> SplitFields(std::string_view text);

// Lines without their '\n'; a trailing newline makes no empty last line.
std::vector<std::string_view> SplitLines(std::string_view text);

std::string_view Trim(std::string_view text);

bool StartsWith(std::string_view text, std::string_view prefix);
bool EndsWith(std::string_view text, std::string_view suffix);
bool Contains(std::string_view text, std::string_view part);

// Takes the prefix off and returns true, or leaves the text alone.
bool ConsumePrefix(std::string_view& text, std::string_view prefix);

std::string Join(std::span<const std::string> parts, std::string_view separator);

// "/a/" and "b" give "/a/b".
std::string JoinPath(std::string_view folder, std::string_view name);

// The part behind the last '/'.
std::string_view Basename(std::string_view path);

// ASCII only.
std::string ToLower(std::string_view text);

// The whole text must be a number; no sign, no spaces. ParseHex takes no "0x".
std::optional<std::uint64_t> ParseUint(std::string_view text);
std::optional<std::uint64_t> ParseHex(std::string_view text);

}  // namespace memwhy
