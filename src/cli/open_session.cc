// SPDX-License-Identifier: Apache-2.0
#include "cli/open_session.h"

#include <fcntl.h>

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/bytes.h"
#include "base/regular_file.h"
#include "base/strings.h"
#include "base/terminal_text.h"
#include "cli/memory_bound.h"
#include "session/ring_place.h"

namespace memwhy::cli {

Result<std::unique_ptr<session::Session>> OpenSession(const std::string& path) {
  if (auto moved = session::BringRingsHome(path); !moved) {
    Warn("the last events of {} stay outside of it: {}", path, moved.error().message());
  }
  AllowMemoryFor(path);
  MEMWHY_TRY(auto session, session::Session::Open(path));
  const model::Recording& recording = session->recording();
  if (!recording.damage.empty()) {
    Warn("{} is damaged: {}", path, recording.damage);
  }
  if (recording.lost_events > 0) {
    Warn("{} events were lost: numbers are lower bounds", FormatCount(recording.lost_events));
  }
  if (!recording.complete) {
    for (const std::string& note : recording.notes) Warn("{}", note);
  }
  return session;
}

Result<UniqueFd> OpenLog(const std::string& path, std::string_view what, std::string_view advice) {
  if (StartsWith(path, "/dev/fd/") || StartsWith(path, "/proc/self/fd/") || path == "/dev/stdin") {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
    if (!fd) return Error::FromErrno(errno, "log " + path);
    return fd;
  }
  auto file = OpenRegular(path, what);
  if (!file) {
    return Error::Of("log: {}; give {}, or - for stdin", file.error().message(), advice);
  }
  AllowMemoryFor(path);
  return std::move(file->fd);
}

Result<TimeRange> ParseTimeRange(const std::string& from, const std::string& to) {
  TimeRange range;
  if (!from.empty()) {
    MEMWHY_TRY(range.from, ParseDuration(from));
  }
  if (!to.empty()) {
    MEMWHY_TRY(const double end, ParseDuration(to));
    range.to = end;
  }
  if (range.to && *range.to < range.from) {
    return Error::Of("--to {} lies before --from {}", to, from);
  }
  return range;
}

}  // namespace memwhy::cli
