// SPDX-License-Identifier: Apache-2.0
#include "os/process_status.h"

#include <charconv>
#include <string_view>

#include "base/strings.h"

namespace memwhy::os {
namespace {

std::uint64_t ParseMask(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

}  // namespace

Result<ProcessStatus> ParseStatus(const std::string& text) {
  ProcessStatus status;
  bool has_signals = false;
  for (std::string_view line : Split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, colon);
    const auto values = SplitFields(line.substr(colon + 1));
    if (values.empty()) continue;
    if (key == "Tgid") {
      status.thread_group = static_cast<pid_t>(ParseUint(values[0]).value_or(0));
    } else if (key == "TracerPid") {
      status.tracer = static_cast<pid_t>(ParseUint(values[0]).value_or(0));
    } else if (key == "NSpid") {
      for (const std::string_view value : values) {
        status.namespace_pids.push_back(static_cast<pid_t>(ParseUint(value).value_or(0)));
      }
    } else if (key == "ShdPnd") {
      status.signals.pending = ParseMask(values[0]);
    } else if (key == "SigBlk") {
      status.signals.blocked = ParseMask(values[0]);
    } else if (key == "SigIgn") {
      status.signals.ignored = ParseMask(values[0]);
    } else if (key == "Seccomp") {
      const std::uint64_t mode = ParseUint(values[0]).value_or(0);
      status.seccomp = mode == 0 ? Seccomp::kNone : mode == 1 ? Seccomp::kStrict : Seccomp::kFilter;
    } else if (key == "Seccomp_filters") {
      if (const auto count = ParseUint(values[0])) {
        status.filters = static_cast<std::uint32_t>(*count);
      }
    } else if (key == "SigCgt") {
      status.signals.caught = ParseMask(values[0]);
      has_signals = true;
    }
  }
  if (!has_signals) return Error("no line SigCgt");
  return status;
}

Result<ProcessStatus> ReadProcessStatus(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string text, fs.ReadSmall(fmt::format("/proc/{}/status", pid)));
  return ParseStatus(text);
}

Result<ProcessStatus> ReadThreadStatus(const FileSystem& fs, pid_t pid, pid_t tid) {
  MEMWHY_TRY(const std::string text,
             fs.ReadSmall(fmt::format("/proc/{}/task/{}/status", pid, tid)));
  return ParseStatus(text);
}

}  // namespace memwhy::os
