// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace memwhy::os {
namespace {

std::optional<std::int64_t> ReadSystemCall(const FileSystem& fs, const std::string& folder) {
  const auto text = fs.ReadSmall(folder + "/syscall");
  if (!text) return std::nullopt;
  const std::string_view field = std::string_view(*text).substr(0, text->find_first_of(" \n"));
  std::int64_t number = 0;
  const char* last = field.data() + field.size();
  const auto [end, code] = std::from_chars(field.data(), last, number);
  // "running", and -1 for a thread stopped outside of a system call.
  if (code != std::errc() || end != last || number < 0) return std::nullopt;
  return number;
}

}  // namespace

Result<ProcessStat> ParseStat(const std::string& text) {
  // The name may hold blanks and parentheses: it ends at the last one.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return Error("no name in parentheses");
  }
  const auto fields = SplitFields(Trim(std::string_view(text).substr(close + 1)));
  if (fields.size() < 20 || fields[0].size() != 1) return Error("too few fields");
  const auto parent = ParseUint(fields[1]);
  const auto start = ParseUint(fields[19]);
  if (!parent || !start) return Error("not a number");
  ProcessStat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  stat.state = fields[0][0];
  stat.parent = static_cast<pid_t>(*parent);
  stat.start_ticks = *start;
  if (fields.size() > 25) stat.start_stack = ParseUint(fields[25]).value_or(0);
  return stat;
}

Result<ProcessStat> ReadProcessStat(const FileSystem& fs, pid_t pid) {
  const std::string path = fmt::format("/proc/{}/stat", pid);
  MEMWHY_TRY(const std::string text, fs.ReadSmall(path));
  auto stat = ParseStat(text);
  if (!stat) return stat.error().With("{}", path);
  return stat;
}

Result<std::vector<std::string>> ReadCommandLine(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::string text, fs.ReadSmall(fmt::format("/proc/{}/cmdline", pid)));
  std::vector<std::string> arguments;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    arguments.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return arguments;
}

Result<std::string> ReadExecutable(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(std::string path, fs.ReadLink(fmt::format("/proc/{}/exe", pid)));
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

Result<std::vector<Task>> ReadTasks(const FileSystem& fs, pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/task", pid);
  MEMWHY_TRY(const std::vector<std::string> names, fs.ListDir(folder));
  std::vector<Task> tasks;
  for (const std::string& name : names) {
    const auto tid = ParseUint(name);
    const std::string path = JoinPath(folder, name);
    const auto text = tid ? fs.ReadSmall(path + "/stat") : Result<std::string>(Error("no task"));
    const auto stat = text ? ParseStat(*text) : Result<ProcessStat>(text.error());
    if (!stat) continue;
    tasks.push_back({static_cast<pid_t>(*tid), stat->comm, stat->state, ReadSystemCall(fs, path)});
  }
  std::sort(tasks.begin(), tasks.end(), [](const Task& a, const Task& b) { return a.tid < b.tid; });
  return tasks;
}

Result<std::vector<pid_t>> FindChildren(const FileSystem& fs, pid_t pid) {
  MEMWHY_TRY(const std::vector<std::string> names, fs.ListDir("/proc"));
  std::vector<pid_t> children;
  for (const std::string& name : names) {
    const auto candidate = ParseUint(name);
    if (!candidate) continue;
    const auto stat = ReadProcessStat(fs, static_cast<pid_t>(*candidate));
    if (stat && stat->parent == pid) children.push_back(static_cast<pid_t>(*candidate));
  }
  std::sort(children.begin(), children.end());
  return children;
}

}  // namespace memwhy::os
