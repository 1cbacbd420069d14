// SPDX-License-Identifier: Apache-2.0
#include "model/stats.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "model/live_set.h"

namespace memwhy::model {
namespace {

// A site's at_peak is brought up to date lazily: `saved_at` names the peak for which it was saved.
// A site that did not change since the last peak has what it has now.
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

class StatsVisitor : public EventVisitor {
 public:
  StatsVisitor(double from, double to) : from_(from), to_(to) {}

  void OnAcquire(const Acquire& event) override {
    if (!Enter(event.time)) return;
    if (event.is_mapping && event.size == 0) return;
    LiveSet& set = Live(event.process);
    const std::uint32_t site =
        Site(SiteKey{event.process, event.thread, event.allocator, event.stack});
    if (event.is_mapping) {
      for (const auto& loss : set.mappings.Acquire(event.address, event.size, site)) {
        Lose(loss.row, loss.bytes, loss.is_last);
      }
    } else if (const auto old = set.blocks.Insert(event.address, Block{event.size, site})) {
      ++replaced_blocks_;
      Lose(old->row, old->size, true);
    }
    Gain(site, event.size, 1);
    NotePeak();
    if (in_range_) rows_[site].stats.allocated += Amount{event.size, 1};
    last_[event.thread.value] =
        LastAllocation{event.address, event.size, event.is_mapping, in_range_, true};
  }

  void OnRelease(double time, ProcessId process, ThreadId thread, std::uint64_t address) override {
    if (!Enter(time)) return;
    const auto block = Live(process).blocks.Erase(address);
    if (!block) {
      if (in_range_) ++unknown_releases_;
      return;
    }
    Lose(block->row, block->size, true);
    Temporary(thread, address, /*is_mapping=*/false, block->row);
  }

  void OnUnmap(double time, ProcessId process, ThreadId thread, std::uint64_t address,
               std::uint64_t size) override {
    if (!Enter(time)) return;
    const auto losses = Live(process).mappings.Unmap(address, size);
    if (losses.empty() && in_range_) ++unknown_unmaps_;
    for (const auto& loss : losses) {
      Lose(loss.row, loss.bytes, loss.is_last);
      if (loss.is_last) Temporary(thread, loss.begin, /*is_mapping=*/true, loss.row);
    }
  }

  void OnFork(double time, ProcessId parent, ProcessId child) override {
    if (!Enter(time)) return;
    Live(std::max(parent, child));  // makes room for both before references are taken
    const LiveSet& from = Live(parent);
    LiveSet& to = Live(child);
    to = from;  // a fork comes before all events of the child
    std::vector<std::uint32_t> translated(rows_.size(), UINT32_MAX);
    to.TranslateRows([&](std::uint32_t row) {
      if (translated[row] == UINT32_MAX) {
        SiteKey key = rows_[row].stats.key;
        key.process = child;
        translated[row] = Site(key);
      }
      return translated[row];
    });
    to.blocks.ForEach([&](std::uint64_t, const Block& block) { Gain(block.row, block.size, 1); });
    for (const auto& piece : to.mappings.Pieces()) Gain(piece.row, piece.size, 0);
    to.mappings.ForEachMapping([&](std::uint32_t row) { Gain(row, 0, 1); });
    NotePeak();
  }

  void OnProcessEnd(double time, ProcessId process) override {
    if (!Enter(time)) return;
    Live(process).Clear();
    if (ended_[process.value]) return;
    for (Row& row : rows_) {
      if (row.stats.key.process != process) continue;
      Touch(row);
      total_.bytes -= row.stats.live.bytes;
      total_.blocks -= row.stats.live.blocks;
    }
    ended_[process.value] = true;
  }

  Stats Finish(double last_time) {
    if (!in_range_) StartRange(from_);
    Stats stats;
    stats.from = from_;
    stats.to = std::min(to_, std::max(from_, last_time));
    stats.peak_at = peak_at_;
    stats.unknown_releases = unknown_releases_;
    stats.unknown_unmaps = unknown_unmaps_;
    stats.replaced_blocks = replaced_blocks_;
    for (Row& row : rows_) {
      Touch(row);
      const SiteStats& site = row.stats;
      stats.live += site.live;
      stats.peak += site.at_peak;
      stats.allocated += site.allocated;
      stats.released += site.released;
      stats.temporary += site.temporary;
      if (site.live == Amount{} && site.at_peak == Amount{} && site.allocated == Amount{} &&
          site.released == Amount{}) {
        continue;
      }
      stats.sites.push_back(site);
    }
    std::stable_sort(stats.sites.begin(), stats.sites.end(), [](const auto& a, const auto& b) {
      return std::tie(a.live.bytes, a.allocated.bytes) > std::tie(b.live.bytes, b.allocated.bytes);
    });
    return stats;
  }

 private:
  // False for events behind the range.
  bool Enter(double time) {
    if (time > to_) return false;
    time_ = time;
    if (!in_range_ && time >= from_) StartRange(from_);
    return true;
  }

  void StartRange(double at) {
    in_range_ = true;
    peak_ = total_.bytes;
    peak_at_ = at;
    ++peak_number_;
  }

  LiveSet& Live(ProcessId process) {
    if (process.value >= live_.size()) {
      live_.resize(process.value + 1);
      ended_.resize(process.value + 1);
    }
    return live_[process.value];
  }

  std::uint32_t Site(const SiteKey& key) {
    const std::uint32_t site = sites_.Intern(key);
    if (site == rows_.size()) {
      rows_.emplace_back();
      rows_.back().stats.key = key;
      rows_.back().saved_at = peak_number_;
    }
    if (key.thread.value >= last_.size()) last_.resize(key.thread.value + 1);
    return site;
  }

  bool IsEnded(const Row& row) const { return ended_[row.stats.key.process.value]; }

  // Must run before a row's live amount changes.
  void Touch(Row& row) {
    if (row.saved_at == peak_number_) return;
    row.stats.at_peak = IsEnded(row) ? Amount{} : row.stats.live;
    row.saved_at = peak_number_;
  }

  void Gain(std::uint32_t site, std::uint64_t bytes, std::uint64_t blocks) {
    Row& row = rows_[site];
    Touch(row);
    row.stats.live += Amount{bytes, blocks};
    if (!IsEnded(row)) total_ += Amount{bytes, blocks};
  }

  void NotePeak() {
    if (!in_range_ || total_.bytes <= peak_) return;
    peak_ = total_.bytes;
    peak_at_ = time_;
    ++peak_number_;
  }

  void Lose(std::uint32_t site, std::uint64_t bytes, bool is_block) {
    Row& row = rows_[site];
    Touch(row);
    const Amount lost{bytes, is_block ? 1u : 0u};
    row.stats.live.bytes -= lost.bytes;
    row.stats.live.blocks -= lost.blocks;
    if (in_range_) row.stats.released += lost;
    if (IsEnded(row)) return;
    total_.bytes -= lost.bytes;
    total_.blocks -= lost.blocks;
  }

  void Temporary(ThreadId thread, std::uint64_t address, bool is_mapping, std::uint32_t site) {
    if (thread.value >= last_.size()) return;
    LastAllocation& last = last_[thread.value];
    if (!last.is_valid || last.address != address || last.is_mapping != is_mapping) return;
    last.is_valid = false;
    // The same address in another process is another block: its site names another thread.
    if (rows_[site].stats.key.thread != thread || !last.is_in_range) return;
    rows_[site].stats.temporary += Amount{last.size, 1};
  }

  const double from_;
  const double to_;
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
  std::uint64_t unknown_releases_ = 0;
  std::uint64_t unknown_unmaps_ = 0;
  std::uint64_t replaced_blocks_ = 0;
};

}  // namespace

Result<Stats> ComputeStats(const EventSource& source, const StatsOptions& options) {
  const double to = options.to.value_or(std::numeric_limits<double>::infinity());
  StatsVisitor visitor(options.from, to);
  if (auto replayed = source.Replay(visitor); !replayed) return replayed.error();
  return visitor.Finish(source.recording().seconds);
}

}  // namespace memwhy::model
