// SPDX-License-Identifier: Apache-2.0
//
// What the commands that read a session or a log share: opening it, saying what is wrong with it on
// stderr, and a range of time from the command line.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "session/reader.h"

namespace memwhy::cli {

// Damage and lost events are said on stderr; the session is opened all the same.
Result<std::unique_ptr<session::Session>> OpenSession(const std::string& path);

// A log to read through; it may come by a descriptor of ours, too: gclog <(zcat LOG). `what` is
// what it should be, `advice` what to give: "a gc log", "the file that stderr went to".
Result<UniqueFd> OpenLog(const std::string& path, std::string_view what, std::string_view advice);

struct TimeRange {
  double from = 0;
  std::optional<double> to;  // nullopt: the session's end
};
// Durations as "90", "5m"; "" where the option was not given.
Result<TimeRange> ParseTimeRange(const std::string& from, const std::string& to);

}  // namespace memwhy::cli
