// SPDX-License-Identifier: Apache-2.0
//
// What the commands that read a session share: opening it, saying what is wrong with it on stderr,
// and a range of time from the command line.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "session/reader.h"

namespace memwhy::cli {

// Damage and lost events are said on stderr; the session is opened all the same.
Result<std::unique_ptr<session::Session>> OpenSession(const std::string& path);

struct TimeRange {
  double from = 0;
  std::optional<double> to;  // nullopt: the session's end
};
// Durations as "90", "5m"; "" where the option was not given.
Result<TimeRange> ParseTimeRange(const std::string& from, const std::string& to);

}  // namespace memwhy::cli
