// SPDX-License-Identifier: Apache-2.0
//
// What a supervisor, a container runtime or a logger puts in front of a line: without its time it
// says who wrote the line ("[4711] ", "web_1  | ", "2026-11-25T10:00:00Z stderr F "). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace memwhy::readers {

inline constexpr std::size_t kMaxPrefixBytes = 128;

struct LogPrefix {
  std::string key;             // times are "@", colours are gone, at most kMaxPrefixBytes
  std::optional<double> time;  // seconds since 1970, of the first whole time; zones are ignored
};
LogPrefix ParseLogPrefix(std::string_view lead);

// Seconds since 1970 of the first date with a time of day, or of a number of seconds of this
// century; nullopt without one.
std::optional<double> FindTime(std::string_view text);

// The key with each word that holds a digit as "#": two processes of one supervisor are alike.
std::string PrefixShape(std::string_view key);

}  // namespace memwhy::readers
