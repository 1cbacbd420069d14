// SPDX-License-Identifier: Apache-2.0
#include "report/oom/oom_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/terminal_text.h"
#include "report/parts/wrap.h"

namespace memwhy::report {
namespace {

std::string Shown(std::string_view name, std::size_t width = 60) {
  return std::string(CutBytes(EscapeName(name), width));
}

std::string Maybe(const std::optional<Bytes>& bytes) {
  return bytes ? FormatBytes(*bytes) : "unknown";
}

std::string Why(const model::OomKill& kill) {
  switch (kill.scope) {
    case model::OomScope::kMemcg: {
      const std::string cgroup = kill.cgroup ? Shown(*kill.cgroup, 200) : "unknown";
      std::string text = kill.limit ? fmt::format("cgroup {} was at its limit of {}", cgroup,
                                                  FormatBytes(*kill.limit))
                                    : fmt::format("cgroup {} was at its limit", cgroup);
      if (kill.victim_cgroup && kill.victim_cgroup != kill.cgroup) {
        text += fmt::format("; the process was in {}", Shown(*kill.victim_cgroup, 200));
      }
      return text + ".";
    }
    case model::OomScope::kGlobal:
      return "The whole machine was out of memory: another process may have taken it.";
    case model::OomScope::kCpuset:
      return "The nodes that the process may use (cpuset, memory policy) had no memory; others "
             "may have had some.";
    case model::OomScope::kUserspace:
      return fmt::format("{} decided it, before the kernel had to.", kill.killer);
  }
  return "";
}

std::string KillText(const model::OomKill& kill, std::size_t top) {
  const std::string who =
      kill.pid ? fmt::format("process {} ({})", *kill.pid, Shown(kill.name))
               : fmt::format("cgroup {}", Shown(kill.cgroup.value_or(kill.name), 200));
  std::string text =
      Wrap("", fmt::format("{}: {} killed {}", kill.at.empty() ? "time unknown" : Shown(kill.at),
                           kill.killer == "kernel" ? "the kernel" : kill.killer, who));
  text += Wrap("  ", Why(kill));
  if (kill.anon_rss) {
    text += Wrap("  ", fmt::format("It had {} of anonymous memory, {} of files, {} of shared "
                                   "memory resident; {} mapped.",
                                   Maybe(kill.anon_rss), Maybe(kill.file_rss),
                                   Maybe(kill.shmem_rss), Maybe(kill.total_vm)));
  } else if (kill.rss) {
    text += fmt::format("  It had {} resident.\n", FormatBytes(*kill.rss));
  } else if (kill.killer == "systemd-oomd" && kill.usage) {
    text += fmt::format("  It used {}.\n", FormatBytes(*kill.usage));
  }
  if (kill.processes) {
    text += fmt::format("  {} processes were killed with it.\n", FormatCount(*kill.processes));
  }
  if (!kill.asked_by.empty() && kill.asked_by != kill.name) {
    text += fmt::format("  The allocation that failed was {}'s.\n", Shown(kill.asked_by));
  }
  const std::size_t count = std::min(top, kill.others.size());
  if (count > 0) text += "  Who else held memory then:\n";
  for (std::size_t i = 0; i < count; ++i) {
    const model::OomOther& other = kill.others[i];
    text += fmt::format("    {:>10}  {:>9}  {}\n", Maybe(other.rss),
                        other.pid ? std::to_string(*other.pid) : "", Shown(other.name, 52));
  }
  if (kill.others_total > count && top > 0) {
    text += fmt::format("    and {} more\n", FormatCount(kill.others_total - count));
  }
  if (kill.is_ambiguous) {
    text += Wrap("  ",
                 "Lines of another kill lay between these and nothing tells whose is whose: "
                 "limit and other processes may be the other kill's.");
  }
  return text + "\n";
}

std::string CountersText(const model::OomCounters& counters, const model::OomLog& log) {
  std::string text = Wrap("", fmt::format("cgroup {}", Shown(counters.directory, 400)));
  const auto count = [](const std::optional<std::uint64_t>& value) {
    return value ? FormatCount(*value) : std::string("unknown");
  };
  text += fmt::format("  {:<34}{:>12}\n", "processes killed by an OOM killer",
                      count(counters.oom_kills));
  if (counters.version == 2) {
    text += fmt::format("  {:<34}{:>12}\n", "times out of memory at its limit",
                        count(counters.oom_events));
  }
  text += fmt::format("  {:<34}{:>12}\n", "charges that hit the limit", count(counters.limit_hits));
  text += fmt::format("  {:<34}{:>12}\n", "usage", Maybe(counters.usage));
  text += fmt::format("  {:<34}{:>12}\n", "highest usage", Maybe(counters.peak));
  text += fmt::format("  {:<34}{:>12}\n", "limit",
                      counters.limit ? FormatBytes(*counters.limit) : std::string("none"));
  if (!counters.limit_directory.empty() && counters.limit_directory != counters.directory) {
    text +=
        Wrap("  ", fmt::format("The limit is that of {}.", Shown(counters.limit_directory, 400)));
  }
  if (counters.oom_kills == std::uint64_t{0}) {
    text += Wrap("  ",
                 "No process of this cgroup was killed for lack of memory since the cgroup "
                 "was made: an exit code 137 (SIGKILL) in it came from somebody else - a "
                 "supervisor's timeout, a liveness probe, an operator. A container that was "
                 "started again may have a new cgroup, whose counters begin at 0.");
  } else if (counters.oom_kills && counters.oom_events == std::uint64_t{0}) {
    text += Wrap("  ",
                 "The kills came from outside of this cgroup's limit: an ancestor's limit, "
                 "or the whole machine was out of memory.");
  }
  if (counters.is_killer_off.value_or(false)) {
    text += Wrap("  ",
                 "The OOM killer is off here (oom_kill_disable): at the limit processes hang "
                 "instead of being killed.");
  }
  const auto is_here = [&](const model::OomKill& kill) {
    return kill.victim_cgroup && counters.directory.ends_with(*kill.victim_cgroup);
  };
  const auto listed = std::count_if(log.kills.begin(), log.kills.end(), is_here);
  if (counters.oom_kills && *counters.oom_kills > 0) {
    text += Wrap("  ", fmt::format("{} of them stand in the log that was read.", listed));
  }
  return text + "\n";
}

}  // namespace

std::string OomText(const std::string& source, const model::OomLog& log,
                    const std::optional<model::OomCounters>& counters, std::size_t top) {
  std::string text;
  if (!source.empty()) {
    const std::string name = Shown(source == "-" ? "standard input" : source, 200);
    text += log.kills.empty()
                ? Wrap("", fmt::format("{}: no process was killed for lack of memory in {} lines.",
                                       name, FormatCount(log.lines)))
                : Wrap("", fmt::format("{}: {} {}, in the order of the log.", name,
                                       FormatCount(log.kills.size()),
                                       log.kills.size() == 1 ? "kill" : "kills"));
    text += "\n";
  }
  for (const model::OomKill& kill : log.kills) text += KillText(kill, top);
  if (log.unparsed > 0) {
    text += Wrap("", fmt::format("{} lines look like messages about kills and could not be "
                                 "understood; they are in no number.",
                                 FormatCount(log.unparsed)));
  }
  if (log.unfinished > 0) {
    text += Wrap("", fmt::format("{} times the killer was called and the log does not say whom it "
                                 "killed.",
                                 FormatCount(log.unfinished)));
  }
  if (counters) text += CountersText(*counters, log);
  return text;
}

}  // namespace memwhy::report
