// SPDX-License-Identifier: Apache-2.0
//
// Reads kills for lack of memory from a kernel's log or a journal: behind the prefixes of
// kernel_line.h, with any other text between, several kills interleaved. What the kernel writes for
// one kill is an episode: "invoked oom-killer", the cgroup's usage and limit, the table of
// processes, who was chosen, "Killed process". Only the last proves a kill. Lines of two episodes
// at once are told apart by the writing task, the pid and the cgroup's path; where nothing of this
// is there, the kill is marked as ambiguous.
//
// Any bytes are fine. Memory: at most kMaxLineBytes of a line, kMaxEpisodes times kMaxRows rows,
// and the kills with kMaxOthers other processes each. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "model/oom_log.h"
#include "readers/kernel_line.h"
#include "readers/oom_message.h"

namespace memwhy::readers {

class OomLogReader {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{16} << 10;
  static constexpr std::size_t kMaxEpisodes = 8;
  static constexpr std::size_t kMaxRows = 100'000;
  static constexpr std::size_t kMaxOthers = 1000;

  // The next bytes of the text, cut anywhere.
  void Feed(std::string_view bytes);

  // Call once, after the last Feed.
  model::OomLog Finish();

 private:
  // In the order in which the kernel writes them.
  enum class Stage : std::uint8_t { kInvoked, kLimitOf, kUsage, kStats, kTable, kSummary, kKilled };

  struct TaskRow {
    std::uint32_t pid;
    std::uint64_t rss_pages;
    std::string name;
  };

  struct Episode {
    Stage stage = Stage::kInvoked;
    std::string caller;
    std::string asked_by;
    std::optional<double> last_time;  // of its last line, seconds since boot
    std::uint64_t last_line = 0;
    std::optional<std::string> limit_cgroup;
    std::optional<std::string> victim_cgroup;
    std::optional<UsageLine> usage;
    std::optional<TaskTable> table;
    std::vector<TaskRow> rows;
    std::optional<model::OomScope> scope;
    std::optional<std::uint32_t> chosen;
    bool takes_group = false;  // all tasks of the cgroup are killed
    bool is_ambiguous = false;
  };

  void EndLine();
  bool KernelMessage(const KernelLine& line);
  bool KilledProcess(const KernelLine& line, std::string_view message);
  bool Row(const KernelLine& line, std::string_view message);
  bool OomdMessage(const KernelLine& line);
  bool EarlyoomMessage(const KernelLine& line);
  void CountUnparsed() { ++log_.unparsed; }

  void CloseStale(const KernelLine& line);
  Episode& Begin(const KernelLine& line);
  // The open episode that a line of `stage` belongs to; a new one where none fits.
  Episode& At(const KernelLine& line, Stage stage);
  Episode* Matching(const KernelLine& line, Stage stage);
  Episode* OfVictim(std::uint32_t pid);
  void Touch(Episode& episode, const KernelLine& line) const;
  void Close(const Episode* episode);
  static bool HasRow(const Episode& episode, std::uint32_t pid);
  static void SetOthers(const std::vector<TaskRow>& rows, model::OomKill* kill);
  bool IsDuplicate(const KernelLine& line, const std::string& what);

  model::OomLog log_;
  std::string line_;
  bool is_line_long_ = false;
  std::string last_message_;  // with its time: log files that two programs write have it twice
  std::deque<Episode> open_;
  std::optional<Episode> last_;  // of the last kill: members of its group follow
  std::unordered_set<std::string> seen_;

  std::vector<model::OomOther> candidates_;  // of systemd-oomd
  std::vector<std::string> marked_;
  std::optional<std::size_t> earlyoom_kill_;  // index of its last kill
};

}  // namespace memwhy::readers
