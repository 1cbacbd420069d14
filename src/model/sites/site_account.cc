// SPDX-License-Identifier: Apache-2.0
#include "model/sites/site_account.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace memwhy::model {

SiteAccount::SiteAccount(double from, double to, const std::optional<FoldedPart>& folded)
    : from_(from), to_(folded ? std::max(to, folded->until) : to), folded_(folded) {
  if (!folded_) return;
  if (from > 0) {
    from_ = std::max(from, folded_->until);
    return;
  }
  counts_folded_ = true;
  StartRange(from_);
  peak_ = folded_->peak_bytes;
  peak_at_ = folded_->peak_at;
  unknown_releases_ = folded_->unknown_releases;
  unknown_unmaps_ = folded_->unknown_unmaps;
  replaced_blocks_ = folded_->replaced_blocks;
  allocated_by_size_ = folded_->allocated_by_size;
}

void SiteAccount::OnHeld(const Held& held) {
  const Acquire& block = held.acquire;
  if (block.is_mapping && block.size == 0) return;
  LiveSet& set = Live(block.process);
  const std::uint32_t site =
      Site(SiteKey{block.process, block.thread, block.allocator, block.stack});
  if (!block.is_mapping) {
    if (const auto old = set.blocks.Insert(block.address, Block{block.size, site})) {
      rows_[old->row].stats.live.bytes -= old->size;  // of a damaged session
      --rows_[old->row].stats.live.blocks;
      total_.bytes -= old->size;
      --total_.blocks;
    }
  } else if (held.continues) {
    set.mappings.AddPart(block.address, block.size);
  } else {
    static_cast<void>(set.mappings.Acquire(block.address, block.size, site));
  }
  Gain(site, block.size, held.continues ? 0 : 1);
  if (held.is_last_of_thread) {
    last_[block.thread.value] =
        LastAllocation{block.address, block.size, block.is_mapping, counts_folded_, true};
  }
}

void SiteAccount::OnFolded(const FoldedSite& folded) {
  Live(folded.process);
  const std::uint32_t site =
      Site(SiteKey{folded.process, folded.thread, folded.allocator, folded.stack});
  SiteStats& stats = rows_[site].stats;
  stats.live += folded.live;
  total_ += folded.live;  // until the end of its process is delivered
  if (!counts_folded_) return;
  stats.allocated += folded.allocated;
  stats.released += folded.released;
  stats.temporary += folded.temporary;
  if (rows_[site].saved_at == peak_number_) stats.at_peak += folded.at_peak;
}

void SiteAccount::OnAcquire(const Acquire& event) {
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
  if (in_range_) {
    rows_[site].stats.allocated += Amount{event.size, 1};
    allocated_by_size_[SizeClassOf(event.size)] += Amount{event.size, 1};
  }
  last_[event.thread.value] =
      LastAllocation{event.address, event.size, event.is_mapping, in_range_, true};
}

void SiteAccount::OnRelease(double time, ProcessId process, ThreadId thread,
                            std::uint64_t address) {
  if (!Enter(time)) return;
  const auto block = Live(process).blocks.Erase(address);
  if (!block) {
    if (in_range_) ++unknown_releases_;
    return;
  }
  Lose(block->row, block->size, true);
  Temporary(thread, address, /*is_mapping=*/false, block->row);
}

void SiteAccount::OnUnmap(double time, ProcessId process, ThreadId thread, std::uint64_t address,
                          std::uint64_t size) {
  if (!Enter(time)) return;
  const auto losses = Live(process).mappings.Unmap(address, size);
  if (losses.empty() && in_range_) ++unknown_unmaps_;
  for (const auto& loss : losses) {
    Lose(loss.row, loss.bytes, loss.is_last);
    if (loss.is_last) Temporary(thread, loss.begin, /*is_mapping=*/true, loss.row);
  }
}

void SiteAccount::OnFork(double time, ProcessId parent, ProcessId child) {
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

void SiteAccount::OnProcessEnd(double time, ProcessId process) {
  if (!Enter(time)) return;
  AddSizes(Live(process), &ended_by_size_);
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

Stats SiteAccount::Finish(double last_time) {
  if (!in_range_) StartRange(from_);
  Stats stats;
  stats.from = from_;
  stats.to = std::min(to_, std::max(from_, last_time));
  stats.peak_at = peak_at_;
  stats.unknown_releases = unknown_releases_;
  stats.unknown_unmaps = unknown_unmaps_;
  stats.replaced_blocks = replaced_blocks_;
  stats.allocated_by_size = allocated_by_size_;
  if (folded_) {
    for (std::size_t i = 0; i < kSizeClassCount; ++i)
      ended_by_size_[i] += folded_->ended_by_size[i];
  }
  stats.live_by_size = ended_by_size_;
  for (const LiveSet& set : live_) AddSizes(set, &stats.live_by_size);
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

bool SiteAccount::IsLast(ProcessId process, std::uint32_t site, std::uint64_t address,
                         bool is_mapping) const {
  const SiteKey& key = rows_[site].stats.key;
  if (key.process != process) return false;
  const LastAllocation& last = last_[key.thread.value];
  return last.is_valid && last.address == address && last.is_mapping == is_mapping;
}

void SiteAccount::AddSizes(const LiveSet& set, SizeClasses* classes) {
  set.blocks.ForEach([&](std::uint64_t, const Block& block) {
    (*classes)[SizeClassOf(block.size)] += Amount{block.size, 1};
  });
  std::unordered_map<std::uint64_t, Bytes> mappings;
  for (const auto& piece : set.mappings.Pieces()) mappings[piece.mapping] += piece.size;
  for (const auto& [id, bytes] : mappings) (*classes)[SizeClassOf(bytes)] += Amount{bytes, 1};
}

// False for events behind the range.
bool SiteAccount::Enter(double time) {
  if (time > to_) return false;
  time_ = time;
  if (!in_range_ && time >= from_) StartRange(from_);
  return true;
}

void SiteAccount::StartRange(double at) {
  in_range_ = true;
  peak_ = total_.bytes;
  peak_at_ = at;
  ++peak_number_;
}

LiveSet& SiteAccount::Live(ProcessId process) {
  if (process.value >= live_.size()) {
    live_.resize(process.value + 1);
    ended_.resize(process.value + 1);
  }
  return live_[process.value];
}

std::uint32_t SiteAccount::Site(const SiteKey& key) {
  const std::uint32_t site = sites_.Intern(key);
  if (site == rows_.size()) {
    rows_.emplace_back();
    rows_.back().stats.key = key;
    rows_.back().saved_at = peak_number_;
  }
  if (key.thread.value >= last_.size()) last_.resize(key.thread.value + 1);
  return site;
}

// Must run before a row's live amount changes.
void SiteAccount::Touch(Row& row) {
  if (row.saved_at == peak_number_) return;
  row.stats.at_peak = IsEnded(row) ? Amount{} : row.stats.live;
  row.saved_at = peak_number_;
}

void SiteAccount::Gain(std::uint32_t site, std::uint64_t bytes, std::uint64_t blocks) {
  Row& row = rows_[site];
  Touch(row);
  row.stats.live += Amount{bytes, blocks};
  if (!IsEnded(row)) total_ += Amount{bytes, blocks};
}

void SiteAccount::NotePeak() {
  if (!in_range_ || total_.bytes <= peak_) return;
  peak_ = total_.bytes;
  peak_at_ = time_;
  ++peak_number_;
}

void SiteAccount::Lose(std::uint32_t site, std::uint64_t bytes, bool is_block) {
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

void SiteAccount::Temporary(ThreadId thread, std::uint64_t address, bool is_mapping,
                            std::uint32_t site) {
  if (thread.value >= last_.size()) return;
  LastAllocation& last = last_[thread.value];
  if (!last.is_valid || last.address != address || last.is_mapping != is_mapping) return;
  last.is_valid = false;
  // The same address in another process is another block: its site names another thread.
  if (rows_[site].stats.key.thread != thread || !last.is_in_range) return;
  rows_[site].stats.temporary += Amount{last.size, 1};
}

}  // namespace memwhy::model
