// SPDX-License-Identifier: Apache-2.0
//
// The account of every site, kept while events go by: what ComputeStats reads out at the end, and
// what folding a session (session/fold.h) keeps of its older part. Not thread-safe.
// Invariants: the total is the sum of the rows of the processes alive; a row's live is inherited +
// allocated - released.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/amount.h"
#include "model/live/live_set.h"
#include "model/sites/event_source.h"
#include "model/sites/site_table.h"
#include "model/sites/stats.h"

namespace memwhy::model {

class SiteAccount : public EventVisitor {
 public:
  // Events of [from, to] count, in seconds. `folded`: the source's, of which a range is whole or
  // nothing: from above 0 begins at its end at the earliest.
  SiteAccount(double from, double to, const std::optional<FoldedPart>& folded);

  void OnHeld(const Held& held) override;
  void OnFolded(const FoldedSite& site) override;
  void OnAcquire(const Acquire& event) override;
  void OnRelease(double time, ProcessId process, ThreadId thread, std::uint64_t address) override;
  void OnUnmap(double time, ProcessId process, ThreadId thread, std::uint64_t address,
               std::uint64_t size) override;
  void OnFork(double time, ProcessId parent, ProcessId child) override;
  void OnProcessEnd(double time, ProcessId process) override;

  // Brings all rows up to date; no event may follow. `last_time`: of the source.
  Stats Finish(double last_time);

  // For folding, after Finish: sites that have anything to tell, by number.
  std::size_t site_count() const { return rows_.size(); }
  const SiteStats& site(std::uint32_t number) const { return rows_[number].stats; }
  std::size_t process_count() const { return live_.size(); }
  // What a process holds, rows are numbers of sites; empty once it has ended.
  const LiveSet& live(ProcessId process) const { return live_[process.value]; }
  bool is_ended(ProcessId process) const { return ended_[process.value]; }
  // Whether this block is the last that its thread allocated, in that process.
  bool IsLast(ProcessId process, std::uint32_t site, std::uint64_t address, bool is_mapping) const;
  Bytes peak_bytes() const { return peak_; }
  // By SizeClassOf; live: of the processes that have ended.
  const SizeClasses& allocated_by_size() const { return allocated_by_size_; }
  const SizeClasses& ended_by_size() const { return ended_by_size_; }

 private:
  // A site's at_peak is brought up to date lazily: `saved_at` names the peak for which it was
  // saved. A site that did not change since the last peak has what it has now.
  struct Row {
    SiteStats stats;
    std::uint64_t saved_at = 0;
  };
  struct LastAllocation {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    bool is_mapping = false;
    bool is_in_range = false;
    bool is_valid = false;
  };

  bool Enter(double time);
  void StartRange(double at);
  LiveSet& Live(ProcessId process);
  std::uint32_t Site(const SiteKey& key);
  bool IsEnded(const Row& row) const { return ended_[row.stats.key.process.value]; }
  void Touch(Row& row);
  void Gain(std::uint32_t site, std::uint64_t bytes, std::uint64_t blocks);
  void Lose(std::uint32_t site, std::uint64_t bytes, bool is_block);
  void NotePeak();
  void Temporary(ThreadId thread, std::uint64_t address, bool is_mapping, std::uint32_t site);
  static void AddSizes(const LiveSet& set, SizeClasses* classes);

  double from_;
  const double to_;
  const std::optional<FoldedPart> folded_;
  bool counts_folded_ = false;  // the range has the whole folded part in it
  double time_ = 0;
  bool in_range_ = false;
  Amount total_;  // of the processes alive
  Bytes peak_ = 0;
  double peak_at_ = 0;
  std::uint64_t peak_number_ = 0;
  SiteTable sites_;
  std::vector<Row> rows_;  // by site
  std::vector<LiveSet> live_;
  std::vector<bool> ended_;
  std::vector<LastAllocation> last_;  // by thread
  SizeClasses allocated_by_size_{};
  SizeClasses ended_by_size_{};
  std::uint64_t unknown_releases_ = 0;
  std::uint64_t unknown_unmaps_ = 0;
  std::uint64_t replaced_blocks_ = 0;
};

}  // namespace memwhy::model
