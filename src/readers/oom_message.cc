// SPDX-License-Identifier: Apache-2.0
#include "readers/oom_message.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "readers/ascii.h"

namespace memwhy::readers {
namespace {

using model::OomScope;

constexpr std::size_t kMaxName = 256;
constexpr Bytes kKibibyte = 1024;

// What a cgroup without a limit shows: the largest multiple of a page in a long, in kB.
constexpr Bytes kNoLimitKib = Bytes{1} << 52;

std::size_t DigitsAt(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), IsDigit) -
                                  text.begin());
}

// Takes a number off the front.
std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  const std::size_t digits = DigitsAt(text);
  const auto number = ParseUint(text.substr(0, digits));
  if (digits == 0 || !number) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

std::optional<std::uint32_t> TakePid(std::string_view& text) {
  const auto number = TakeNumber(text);
  // The kernel's largest is 2^22.
  if (!number || *number == 0 || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

// "47616kB" at the front, with its unit.
std::optional<Bytes> TakeKib(std::string_view& text) {
  std::string_view rest = text;
  const auto number = TakeNumber(rest);
  if (!number || *number > UINT64_MAX / kKibibyte || !ConsumePrefix(rest, "kB"))
    return std::nullopt;
  text = rest;
  return *number * kKibibyte;
}

std::string_view CutName(std::string_view name) { return name.substr(0, kMaxName); }

// Behind the name's parenthesis: nothing, or sizes.
bool IsBehindName(std::string_view text) {
  for (const std::string_view begin : {" total-vm:", ", UID ", ", total-vm:", " vsz:", ", vsz:"}) {
    // Also where the line is cut in the middle of it.
    if (StartsWith(text, begin) || StartsWith(begin, text)) return true;
  }
  const std::string_view rest = Trim(text);
  return rest.empty() || rest == ".";
}

void ParseSizes(std::string_view text, KilledMessage* message) {
  struct Field {
    std::string_view key;
    std::optional<Bytes> KilledMessage::* member;
  };
  constexpr std::array<Field, 5> kFields = {{{"total-vm:", &KilledMessage::total_vm},
                                             {"vsz:", &KilledMessage::total_vm},
                                             {"anon-rss:", &KilledMessage::anon_rss},
                                             {"file-rss:", &KilledMessage::file_rss},
                                             {"shmem-rss:", &KilledMessage::shmem_rss}}};
  for (std::string_view part : Split(text, ',')) {
    part = Trim(part);
    for (const Field& field : kFields) {
      std::string_view value = part;
      if (!ConsumePrefix(value, field.key)) continue;
      message->has_sizes = true;
      message->*field.member = TakeKib(value);
    }
  }
}

std::string_view ValueOf(std::string_view text, std::string_view key, std::string_view end) {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + key.size());
  return text.substr(0, text.find(end));
}

}  // namespace

std::optional<KilledMessage> ParseKilled(std::string_view text) {
  if (!ConsumePrefix(text, "Killed process ")) return std::nullopt;
  const auto pid = TakePid(text);
  if (!pid) return std::nullopt;
  KilledMessage message;
  message.pid = *pid;
  // "Killed process 2592, UID 48, (httpd) ..." of 2.6.
  if (ConsumePrefix(text, ", UID ")) {
    if (!TakeNumber(text) || !ConsumePrefix(text, ",")) return std::nullopt;
  }
  if (!ConsumePrefix(text, " (")) return std::nullopt;
  // Nothing behind the name has a parenthesis: the name ends at the last one that sizes follow.
  std::size_t end = text.rfind(')');
  while (end != std::string_view::npos && !IsBehindName(text.substr(end + 1))) {
    end = end == 0 ? std::string_view::npos : text.rfind(')', end - 1);
  }
  if (end == std::string_view::npos) return std::nullopt;
  message.name = CutName(text.substr(0, end));
  ParseSizes(text.substr(end + 1), &message);
  return message;
}

std::optional<OomReason> ParseReason(std::string_view text) {
  text = Trim(text);
  if (text.empty()) return OomReason{};
  if (StartsWith(text, "Memory cgroup out of memory")) return OomReason{OomScope::kMemcg};
  if (StartsWith(text, "No available memory")) return OomReason{OomScope::kCpuset};
  // Also with "(oom_kill_allocating_task)"; the constraint may say more.
  if (StartsWith(text, "Out of memory")) return OomReason{OomScope::kGlobal};
  return std::nullopt;
}

std::optional<std::uint32_t> ParseChosen(std::string_view text) {
  if (!ConsumePrefix(text, "Kill process ") && !ConsumePrefix(text, "kill process ")) {
    return std::nullopt;
  }
  return TakePid(text);
}

std::optional<OomSummary> ParseSummary(std::string_view text) {
  if (!ConsumePrefix(text, "oom-kill:constraint=")) return std::nullopt;
  OomSummary summary;
  const std::string_view constraint = text.substr(0, text.find(','));
  if (constraint == "CONSTRAINT_MEMCG") {
    summary.scope = OomScope::kMemcg;
  } else if (constraint == "CONSTRAINT_CPUSET" || constraint == "CONSTRAINT_MEMORY_POLICY") {
    summary.scope = OomScope::kCpuset;
  } else if (constraint != "CONSTRAINT_NONE") {
    return std::nullopt;
  }
  // The process's name stands behind all paths: ",task=NAME,pid=N,uid=N" from the end.
  const std::size_t pid_at = text.rfind(",pid=");
  if (pid_at == std::string_view::npos) return std::nullopt;
  std::string_view pid_text = text.substr(pid_at + 5);
  const auto pid = TakePid(pid_text);
  const std::string_view paths = text.substr(0, pid_at);
  const std::size_t memcg_at = paths.find(",task_memcg=");
  const std::size_t task_at =
      paths.find(",task=", memcg_at == std::string_view::npos ? 0 : memcg_at);
  if (!pid || !StartsWith(pid_text, ",uid=") || task_at == std::string_view::npos) {
    return std::nullopt;
  }
  summary.pid = *pid;
  summary.name = CutName(paths.substr(task_at + 6));
  const std::string_view before = paths.substr(0, task_at);
  const std::size_t victim_at = before.rfind(",task_memcg=");
  if (victim_at != std::string_view::npos) {
    summary.victim_cgroup = before.substr(victim_at + 12);
  }
  if (summary.scope == OomScope::kMemcg) {
    const std::string_view limit = ValueOf(before.substr(0, victim_at), ",oom_memcg=", "\n");
    if (!limit.empty()) summary.limit_cgroup = limit;
  }
  return summary;
}

std::optional<LimitOf> ParseLimitOf(std::string_view text) {
  constexpr std::string_view kMiddle = " killed as a result of limit of ";
  if (!ConsumePrefix(text, "Task in ")) return std::nullopt;
  const std::size_t at = text.rfind(kMiddle);
  if (at == std::string_view::npos) return std::nullopt;
  return LimitOf{std::string(text.substr(0, at)), std::string(text.substr(at + kMiddle.size()))};
}

std::optional<UsageLine> ParseUsage(std::string_view text) {
  if (!ConsumePrefix(text, "memory: usage ")) return std::nullopt;
  UsageLine line;
  const auto usage = TakeKib(text);
  if (!usage || !ConsumePrefix(text, ", limit ")) return std::nullopt;
  const auto limit = TakeKib(text);
  if (!limit) return std::nullopt;
  line.usage = *usage;
  if (*limit / kKibibyte < kNoLimitKib) line.limit = limit;
  return line;
}

std::optional<TaskTable> TaskTable::FromHead(std::string_view text) {
  if (!StartsWith(text, "[")) return std::nullopt;
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || Trim(text.substr(1, end - 1)) != "pid") return std::nullopt;
  const auto columns = SplitFields(text.substr(end + 1));
  const auto rss = std::find(columns.begin(), columns.end(), "rss");
  if (columns.size() < 3 || columns.size() > 32 || columns.back() != "name" ||
      rss == columns.end()) {
    return std::nullopt;
  }
  TaskTable table;
  table.columns_ = columns.size() - 1;
  table.rss_ = static_cast<std::size_t>(rss - columns.begin());
  return table;
}

bool LooksLikeRow(std::string_view text) {
  if (!StartsWith(text, "[")) return false;
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos || end > 16) return false;
  const std::string_view pid = Trim(text.substr(1, end - 1));
  return !pid.empty() && DigitsAt(pid) == pid.size();
}

std::optional<TaskTable::Row> TaskTable::ParseRow(std::string_view text) const {
  if (!LooksLikeRow(text)) return std::nullopt;
  const std::size_t end = text.find(']');
  std::string_view pid_text = Trim(text.substr(1, end - 1));
  Row row;
  const auto pid = TakePid(pid_text);
  if (!pid) return std::nullopt;
  row.pid = *pid;
  std::string_view rest = text.substr(end + 1);
  for (std::size_t column = 0; column < columns_; ++column) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    std::string_view field = rest.substr(0, rest.find_first_of(" \t"));
    rest.remove_prefix(field.size());
    ConsumePrefix(field, "-");  // oom_score_adj
    const auto number = ParseUint(field);
    if (!number) return std::nullopt;
    if (column == rss_) row.rss_pages = *number;
  }
  // One blank, and the name to the end of the line.
  if (rest.size() < 2 || rest[0] != ' ') return std::nullopt;
  row.name = CutName(rest.substr(1));
  return row;
}

std::optional<std::string_view> ParseOomdKill(std::string_view text) {
  if (!ConsumePrefix(text, "Killed ") || !StartsWith(text, "/")) return std::nullopt;
  const std::size_t end = text.find(" due to ");
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

std::optional<std::string_view> ParseOomdMark(std::string_view text) {
  if (!ConsumePrefix(text, "Marked ") || !StartsWith(text, "/")) return std::nullopt;
  const std::size_t end = text.find(" for killing");
  if (end == std::string_view::npos) return std::nullopt;
  return text.substr(0, end);
}

std::optional<OomdUnit> ParseOomdUnit(std::string_view text) {
  const std::size_t at = text.find(": systemd-oomd killed ");
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  std::string_view rest = text.substr(at + 22);
  const auto processes = TakeNumber(rest);
  if (!processes || !StartsWith(rest, " process")) return std::nullopt;
  return OomdUnit{text.substr(0, at), *processes};
}

std::optional<Bytes> ParseOomdBytes(std::string_view text) {
  text = Trim(text);
  const std::size_t end = text.find_first_not_of("0123456789.");
  // "8" or "8." without a unit was cut.
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const auto bytes = memwhy::ParseBytes(text);
  if (!bytes) return std::nullopt;
  return *bytes;
}

std::optional<EarlyoomKill> ParseEarlyoom(std::string_view text) {
  if (!ConsumePrefix(text, "sending SIGTERM to process ") &&
      !ConsumePrefix(text, "sending SIGKILL to process ")) {
    return std::nullopt;
  }
  EarlyoomKill kill;
  const auto pid = TakePid(text);
  if (!pid) return std::nullopt;
  kill.pid = *pid;
  if (ConsumePrefix(text, " uid ") && !TakeNumber(text)) return std::nullopt;
  if (!ConsumePrefix(text, " \"")) return std::nullopt;
  // A name may hold quotes; behind it come a colon and a score, then perhaps a command line.
  std::size_t end = std::string_view::npos;
  for (const std::string_view mark : {"\": oom_score ", "\": badness "}) {
    end = std::min(end, text.find(mark));
  }
  if (end == std::string_view::npos) return std::nullopt;
  kill.name = CutName(text.substr(0, end));
  std::string_view rss = text.substr(end);
  const std::size_t at = rss.find(", VmRSS ");
  if (at == std::string_view::npos) return kill;
  rss.remove_prefix(at + 8);
  const auto mebibytes = TakeNumber(rss);
  if (mebibytes && *mebibytes < (std::uint64_t{1} << 40) && ConsumePrefix(rss, " MiB")) {
    kill.rss = *mebibytes << 20;
  }
  return kill;
}

}  // namespace memwhy::readers
