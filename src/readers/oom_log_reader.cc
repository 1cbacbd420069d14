// SPDX-License-Identifier: Apache-2.0
#include "readers/oom_log_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace memwhy::readers {
namespace {

// An episode is written in one go: longer pauses mean that its end is not in the log.
constexpr double kStaleSeconds = 5;
constexpr std::uint64_t kStaleLines = 500;
constexpr std::size_t kMaxSeen = 100'000;
constexpr std::size_t kMaxMarked = 64;

std::optional<double> SecondsOfUptime(const std::string& uptime) {
  double seconds = 0;
  const char* end = uptime.data() + uptime.size();
  const auto [rest, code] = std::from_chars(uptime.data(), end, seconds);
  if (uptime.empty() || code != std::errc() || rest != end) return std::nullopt;
  return seconds;
}

std::string AsName(std::string_view name) { return std::string(name); }

// The page size of the machine that wrote the log: rows count pages, the victim's line kB.
Bytes PageBytes(std::uint64_t rss_pages, const model::OomKill& kill) {
  constexpr Bytes kUsual = 4096;
  if (rss_pages == 0 || !kill.anon_rss || !kill.file_rss) return kUsual;
  const double bytes = static_cast<double>(*kill.anon_rss) + static_cast<double>(*kill.file_rss) +
                       static_cast<double>(kill.shmem_rss.value_or(0));
  const double page = bytes / static_cast<double>(rss_pages);
  for (const Bytes size : {Bytes{4096}, Bytes{16384}, Bytes{65536}}) {
    if (std::abs(page / static_cast<double>(size) - 1) < 0.25) return size;
  }
  return kUsual;
}

// Of a table whose head is not in the log: many numbers behind the pid.
bool IsCutRow(std::string_view message) {
  const auto fields = SplitFields(message.substr(message.find(']') + 1));
  const auto is_number = [](std::string_view field) {
    ConsumePrefix(field, "-");
    return ParseUint(field).has_value();
  };
  return fields.size() > 6 && std::all_of(fields.begin(), fields.begin() + 6, is_number);
}

bool MayBeFrom(const KernelLine& line, std::string_view program) {
  return line.tag.empty() || line.tag == program;
}

}  // namespace

void OomLogReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t room = kMaxLineBytes - line_.size();
    line_ += piece.substr(0, room);
    is_line_long_ |= piece.size() > room;
    if (end == std::string_view::npos) return;
    EndLine();
    bytes.remove_prefix(end + 1);
  }
}

model::OomLog OomLogReader::Finish() {
  if (!line_.empty() || is_line_long_) EndLine();
  log_.unfinished += open_.size();
  return std::move(log_);
}

void OomLogReader::EndLine() {
  ++log_.lines;
  const KernelLine line = ParseKernelLine(line_);
  line_.clear();
  is_line_long_ = false;
  if (!line.uptime.empty()) {
    std::string message = line.uptime + line.message;
    if (message == last_message_) return;
    last_message_ = std::move(message);
  }
  if (line.message.empty()) return;
  if (MayBeFrom(line, "kernel") && KernelMessage(line)) return;
  if (OomdMessage(line)) return;
  EarlyoomMessage(line);
}

void OomLogReader::Touch(Episode& episode, const KernelLine& line) const {
  if (const auto time = SecondsOfUptime(line.uptime)) episode.last_time = time;
  episode.last_line = log_.lines;
}

void OomLogReader::CloseStale(const KernelLine& line) {
  const auto now = SecondsOfUptime(line.uptime);
  const auto is_stale = [&](const Episode& episode) {
    // A smaller time is another boot.
    if (now && episode.last_time) {
      return *now - *episode.last_time > kStaleSeconds || *now < *episode.last_time - 1;
    }
    return log_.lines - episode.last_line > kStaleLines;
  };
  const std::size_t before = open_.size();
  std::erase_if(open_, is_stale);
  log_.unfinished += before - open_.size();
}

OomLogReader::Episode& OomLogReader::Begin(const KernelLine& line) {
  CloseStale(line);
  if (open_.size() == kMaxEpisodes) {
    open_.pop_front();
    ++log_.unfinished;
  }
  Episode& episode = open_.emplace_back();
  episode.caller = line.caller;
  Touch(episode, line);
  return episode;
}

OomLogReader::Episode* OomLogReader::Matching(const KernelLine& line, Stage stage) {
  Episode* found = nullptr;
  for (Episode& episode : open_) {
    const bool fits = episode.stage < stage || (stage == Stage::kTable && episode.stage == stage);
    if (!fits) continue;
    if (!line.caller.empty() && !episode.caller.empty()) {
      if (line.caller == episode.caller) return &episode;
      continue;
    }
    if (found != nullptr) {
      found->is_ambiguous = episode.is_ambiguous = true;
      continue;
    }
    found = &episode;
  }
  return found;
}

OomLogReader::Episode& OomLogReader::At(const KernelLine& line, Stage stage) {
  CloseStale(line);
  Episode* found = Matching(line, stage);
  Episode& episode = found != nullptr ? *found : Begin(line);
  episode.stage = stage;
  Touch(episode, line);
  return episode;
}

bool OomLogReader::HasRow(const Episode& episode, std::uint32_t pid) {
  return std::any_of(episode.rows.begin(), episode.rows.end(),
                     [&](const TaskRow& row) { return row.pid == pid; });
}

OomLogReader::Episode* OomLogReader::OfVictim(std::uint32_t pid) {
  for (Episode& episode : open_) {
    if (episode.chosen == pid) return &episode;
  }
  for (Episode& episode : open_) {
    if (!episode.chosen && HasRow(episode, pid)) return &episode;
  }
  return nullptr;
}

void OomLogReader::Close(const Episode* episode) {
  std::erase_if(open_, [&](const Episode& each) { return &each == episode; });
}

bool OomLogReader::IsDuplicate(const KernelLine& line, const std::string& what) {
  if (line.at.empty()) return false;
  if (seen_.size() == kMaxSeen) seen_.clear();
  const std::string& time = line.uptime.empty() ? line.at : line.uptime;
  if (seen_.insert(time + '\0' + what).second) return false;
  ++log_.duplicates;
  return true;
}

bool OomLogReader::KernelMessage(const KernelLine& line) {
  const std::string_view message = line.message;
  constexpr std::string_view kInvoked = " invoked oom-killer: ";
  if (const std::size_t at = message.find(kInvoked); at != std::string_view::npos) {
    Begin(line).asked_by = AsName(message.substr(0, std::min<std::size_t>(at, 256)));
    return true;
  }
  if (Contains(message, "Killed process ")) return KilledProcess(line, message);
  if (StartsWith(message, "oom-kill:")) {
    const auto summary = ParseSummary(message);
    if (!summary) {
      CountUnparsed();
      return true;
    }
    CloseStale(line);
    Episode* found = nullptr;
    for (Episode& episode : open_) {
      const bool is_same_cgroup = episode.limit_cgroup && summary->limit_cgroup &&
                                  episode.limit_cgroup == summary->limit_cgroup;
      if (episode.stage >= Stage::kSummary) continue;
      if (is_same_cgroup && HasRow(episode, summary->pid)) found = &episode;
    }
    for (Episode& episode : open_) {
      if (found == nullptr && episode.stage < Stage::kSummary && HasRow(episode, summary->pid)) {
        found = &episode;
      }
    }
    Episode& episode = found != nullptr ? *found : At(line, Stage::kSummary);
    episode.stage = Stage::kSummary;
    Touch(episode, line);
    episode.scope = summary->scope;
    episode.chosen = summary->pid;
    if (summary->limit_cgroup) {
      // The usage lines of another cgroup are not this one's.
      if (episode.limit_cgroup && episode.limit_cgroup != summary->limit_cgroup) {
        episode.usage.reset();
      }
      if (episode.limit_cgroup == summary->limit_cgroup) episode.is_ambiguous = false;
      episode.limit_cgroup = summary->limit_cgroup;
    }
    episode.victim_cgroup = summary->victim_cgroup;
    return true;
  }
  if (StartsWith(message, "Task in ")) {
    const auto limit_of = ParseLimitOf(message);
    if (!limit_of) return false;
    Episode& episode = At(line, Stage::kLimitOf);
    episode.limit_cgroup = limit_of->limit_cgroup;
    episode.victim_cgroup = limit_of->victim_cgroup;
    episode.scope = model::OomScope::kMemcg;
    return true;
  }
  if (StartsWith(message, "memory: usage ")) {
    if (const auto usage = ParseUsage(message)) {
      At(line, Stage::kUsage).usage = usage;
    } else {
      CountUnparsed();
    }
    return true;
  }
  if (std::string_view path = message; ConsumePrefix(path, "Memory cgroup stats for ")) {
    path = path.substr(0, path.rfind(':'));
    if (Episode* episode = Matching(line, Stage::kStats)) {
      episode->stage = Stage::kStats;
      Touch(*episode, line);
      if (!episode->limit_cgroup) episode->limit_cgroup = std::string(path);
    }
    return true;
  }
  if (StartsWith(message, "Tasks in ") && Contains(message, "memory.oom.group set")) {
    for (Episode& episode : open_) {
      if (open_.size() == 1) episode.takes_group = true;
    }
    if (open_.empty() && last_) last_->takes_group = true;
    return true;
  }
  if (Contains(message, "is already exiting. Skip killing the task") ||
      Contains(message, "and no killable processes")) {
    ++log_.spared;
    if (const Episode* episode = Matching(line, Stage::kKilled)) Close(episode);
    return true;
  }
  if (StartsWith(message, "[")) return Row(line, message);
  const std::size_t chosen_at = message.find("ill process ");
  if (chosen_at != std::string_view::npos && chosen_at > 0) {
    const auto reason = ParseReason(message.substr(0, chosen_at - 1));
    const auto pid = ParseChosen(message.substr(chosen_at - 1));
    // "Kill process 4711 (java) sharing same memory" names one that has no memory of its own.
    if (!reason || !reason->scope || !pid) return false;
    CloseStale(line);
    Episode* of_victim = OfVictim(*pid);
    Episode& episode = of_victim != nullptr ? *of_victim : At(line, Stage::kSummary);
    episode.stage = Stage::kSummary;
    Touch(episode, line);
    episode.chosen = pid;
    if (!episode.scope || *reason->scope == model::OomScope::kMemcg) episode.scope = reason->scope;
    return true;
  }
  return false;
}

bool OomLogReader::Row(const KernelLine& line, std::string_view message) {
  if (const auto table = TaskTable::FromHead(message)) {
    Episode& episode = At(line, Stage::kTable);
    episode.table = table;
    return true;
  }
  if (!LooksLikeRow(message)) return false;
  Episode* episode = Matching(line, Stage::kTable);
  const auto row =
      episode != nullptr && episode->table ? episode->table->ParseRow(message) : std::nullopt;
  if (!row) {
    // Without a table "[4711] text" is any program's line.
    if ((episode == nullptr || !episode->table) && !IsCutRow(message)) return false;
    CountUnparsed();
    return true;
  }
  Touch(*episode, line);
  if (episode->rows.size() < kMaxRows) {
    episode->rows.push_back({row->pid, row->rss_pages, AsName(row->name)});
  }
  return true;
}

void OomLogReader::SetOthers(const std::vector<TaskRow>& rows, model::OomKill* kill) {
  std::uint64_t victim_pages = 0;
  for (const TaskRow& row : rows) {
    if (row.pid == kill->pid) victim_pages = row.rss_pages;
  }
  const Bytes page = PageBytes(victim_pages, *kill);
  std::vector<const TaskRow*> order;
  std::unordered_set<std::uint32_t> pids;
  for (const TaskRow& row : rows) {
    if (row.pid != kill->pid && pids.insert(row.pid).second) order.push_back(&row);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const TaskRow* a, const TaskRow* b) { return a->rss_pages > b->rss_pages; });
  kill->others_total = order.size();
  if (order.size() > kMaxOthers) order.resize(kMaxOthers);
  for (const TaskRow* row : order) {
    model::OomOther other{row->pid, row->name, std::nullopt};
    if (row->rss_pages <= UINT64_MAX / page) other.rss = row->rss_pages * page;
    kill->others.push_back(std::move(other));
  }
}

bool OomLogReader::KilledProcess(const KernelLine& line, std::string_view message) {
  const std::size_t at = message.find("Killed process ");
  const auto reason = ParseReason(message.substr(0, at));
  if (!reason) return false;
  const auto killed = ParseKilled(message.substr(at));
  CloseStale(line);
  if (!killed) {
    CountUnparsed();
    return true;
  }
  Episode* episode = OfVictim(killed->pid);
  if (episode == nullptr) episode = Matching(line, Stage::kKilled);
  const bool is_in_group = episode == nullptr && last_ && last_->takes_group;
  // Nothing but these two words: a program may have written them.
  if (!reason->scope && !killed->has_sizes && episode == nullptr) {
    CountUnparsed();
    return true;
  }
  if (IsDuplicate(line, std::to_string(killed->pid))) {
    if (episode != nullptr) Close(episode);
    return true;
  }
  model::OomKill kill;
  kill.pid = killed->pid;
  kill.name = AsName(killed->name);
  kill.killer = "kernel";
  kill.at = line.at;
  kill.line = log_.lines;
  kill.total_vm = killed->total_vm;
  kill.anon_rss = killed->anon_rss;
  kill.file_rss = killed->file_rss;
  kill.shmem_rss = killed->shmem_rss;
  if (killed->anon_rss && killed->file_rss) {
    kill.rss = *killed->anon_rss + *killed->file_rss + killed->shmem_rss.value_or(0);
  }
  kill.scope = reason->scope.value_or(model::OomScope::kGlobal);
  if (episode != nullptr) {
    last_ = std::move(*episode);
    Close(episode);
  } else if (!is_in_group) {
    last_.reset();
  }
  if (last_) {
    const bool is_told = reason->scope && *reason->scope != model::OomScope::kGlobal;
    if (last_->scope && !is_told) kill.scope = *last_->scope;
    kill.asked_by = last_->asked_by;
    kill.is_ambiguous = last_->is_ambiguous;
    kill.victim_cgroup = last_->victim_cgroup;
    if (kill.scope == model::OomScope::kMemcg) {
      kill.cgroup = last_->limit_cgroup;
      if (last_->usage) {
        kill.usage = last_->usage->usage;
        kill.limit = last_->usage->limit;
      }
    }
    SetOthers(last_->rows, &kill);
  }
  log_.kills.push_back(std::move(kill));
  return true;
}

bool OomLogReader::OomdMessage(const KernelLine& line) {
  const std::string_view message = Trim(line.message);
  if (const auto unit = ParseOomdUnit(message); unit && MayBeFrom(line, "systemd")) {
    const auto is_unit = [&](std::string_view path) { return Basename(path) == unit->unit; };
    // It repeats what oomd said, unless oomd's own lines are not in this log.
    for (auto kill = log_.kills.rbegin(); kill != log_.kills.rend(); ++kill) {
      if (kill->killer != "systemd-oomd") continue;
      if (kill->cgroup && is_unit(*kill->cgroup) && !kill->processes) {
        kill->processes = unit->processes;
        return true;
      }
      break;
    }
    if (IsDuplicate(line, AsName(unit->unit))) return true;
    model::OomKill kill;
    kill.name = AsName(unit->unit);
    kill.scope = model::OomScope::kUserspace;
    kill.killer = "systemd-oomd";
    kill.processes = unit->processes;
    kill.at = line.at;
    kill.line = log_.lines;
    const auto marked = std::find_if(marked_.begin(), marked_.end(), is_unit);
    if (marked != marked_.end()) {
      kill.cgroup = *marked;
      marked_.erase(marked);
    }
    log_.kills.push_back(std::move(kill));
    return true;
  }
  if (!MayBeFrom(line, "systemd-oomd")) return false;
  if (StartsWith(message, "Considered ") && Contains(message, " for killing")) {
    candidates_.clear();
    return true;
  }
  if (std::string_view path = message; ConsumePrefix(path, "Path: /")) {
    if (candidates_.size() < kMaxOthers) {
      candidates_.push_back({std::nullopt, "/" + AsName(path.substr(0, 4096)), std::nullopt});
    }
    return true;
  }
  if (std::string_view usage = message; ConsumePrefix(usage, "Current Memory Usage: ")) {
    if (!candidates_.empty()) candidates_.back().rss = ParseOomdBytes(usage);
    return true;
  }
  if (const auto path = ParseOomdMark(message)) {
    if (marked_.size() == kMaxMarked) marked_.erase(marked_.begin());
    marked_.emplace_back(*path);
    return true;
  }
  const auto path = ParseOomdKill(message);
  if (!path) return false;
  if (IsDuplicate(line, AsName(*path))) return true;
  std::erase(marked_, *path);
  model::OomKill kill;
  kill.name = AsName(Basename(*path));
  kill.cgroup = kill.victim_cgroup = AsName(*path);
  kill.scope = model::OomScope::kUserspace;
  kill.killer = "systemd-oomd";
  kill.at = line.at;
  kill.line = log_.lines;
  for (model::OomOther& other : candidates_) {
    if (other.name == *path) {
      kill.usage = other.rss;
    } else {
      kill.others.push_back(std::move(other));
    }
  }
  kill.others_total = kill.others.size();
  candidates_.clear();
  log_.kills.push_back(std::move(kill));
  return true;
}

bool OomLogReader::EarlyoomMessage(const KernelLine& line) {
  if (!MayBeFrom(line, "earlyoom")) return false;
  const std::string_view message = Trim(line.message);
  const bool has_kill = earlyoom_kill_ && *earlyoom_kill_ + 1 == log_.kills.size();
  if (StartsWith(message, "dryrun") || StartsWith(message, "kill failed")) {
    if (has_kill) log_.kills.pop_back();
    earlyoom_kill_.reset();
    return has_kill;
  }
  if (!StartsWith(message, "sending SIG") || !Contains(message, " to process ")) return false;
  const auto parsed = ParseEarlyoom(message);
  if (!parsed) {
    CountUnparsed();
    return true;
  }
  // SIGKILL after SIGTERM is the same kill.
  if (has_kill && log_.kills.back().pid == parsed->pid) return true;
  if (IsDuplicate(line, std::to_string(parsed->pid))) return true;
  model::OomKill kill;
  kill.pid = parsed->pid;
  kill.name = AsName(parsed->name);
  kill.scope = model::OomScope::kUserspace;
  kill.killer = "earlyoom";
  kill.at = line.at;
  kill.line = log_.lines;
  kill.rss = parsed->rss;
  earlyoom_kill_ = log_.kills.size();
  log_.kills.push_back(std::move(kill));
  return true;
}

}  // namespace memwhy::readers
