// SPDX-License-Identifier: Apache-2.0
#include "monitor/top_view.h"

#include <algorithm>

#include "base/strings.h"

namespace memwhy::monitor {
namespace {

double Rank(const TopRow& row, SortBy sort) {
  switch (sort) {
    case SortBy::kTotal:
      return static_cast<double>(row.process.rss);
    case SortBy::kSelf:
      return static_cast<double>(row.process.anon.value_or(0));
    case SortBy::kCount:
      return static_cast<double>(row.process.threads);
    case SortBy::kGrowth:
      return row.growth.value_or(-1e300);
  }
  return 0;
}

std::string ShareKey(const model::Share& share) { return share.layer + '\0' + share.name; }

}  // namespace

const char* LayerName(Layer layer) {
  switch (layer) {
    case Layer::kAnon:
      return "ANON";
    case Layer::kFile:
      return "FILE";
    case Layer::kShmem:
      return "SHMEM";
    case Layer::kSwap:
      return "SWAP";
    case Layer::kPageTables:
      return "PGTABLE";
  }
  return "";
}

std::optional<Bytes> LayerBytes(const ProcessLook& process, Layer layer) {
  switch (layer) {
    case Layer::kAnon:
      return process.anon;
    case Layer::kFile:
      return process.file;
    case Layer::kShmem:
      return process.shmem;
    case Layer::kSwap:
      return process.swap;
    case Layer::kPageTables:
      return process.page_tables;
  }
  return std::nullopt;
}

void TopView::Add(Look look) {
  if (!first_kills_) first_kills_ = look.host.oom_kills;
  std::map<ProcessKey, Tracks> kept;
  for (const ProcessLook& process : look.processes) {
    auto node = tracks_.extract(process.key());
    Tracks tracks = node.empty() ? Tracks{} : std::move(node.mapped());
    tracks.rss.Add(look.time, process.rss);
    for (std::size_t i = 0; i < kLayers; ++i) {
      const auto bytes = LayerBytes(process, static_cast<Layer>(i));
      if (bytes) tracks.layers[i].Add(look.time, *bytes);
    }
    kept.emplace(process.key(), std::move(tracks));
  }
  tracks_ = std::move(kept);
  for (const auto& [directory, cgroup] : look.cgroups) {
    if (cgroup.current) cgroups_[directory].Add(look.time, *cgroup.current);
  }
  std::erase_if(cgroups_, [&](const auto& entry) { return look.cgroups.count(entry.first) == 0; });
  look_ = std::move(look);
}

void TopView::AddLedger(LayeredLook look) {
  for (const model::Share& share : look.ledger.shares) {
    shares_[ShareKey(share)].Add(look.time, share.bytes);
  }
  ledger_ = std::move(look);
}

std::vector<ShareRow> TopView::Shares() const {
  std::vector<ShareRow> rows;
  if (!ledger_) return rows;
  for (const model::Share& share : ledger_->ledger.shares) {
    ShareRow row{share, std::nullopt};
    const auto track = shares_.find(ShareKey(share));
    if (track != shares_.end()) row.growth = track->second.Slope();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::optional<std::uint64_t> TopView::host_kills_since_start() const {
  if (!first_kills_ || !look_.host.oom_kills || *look_.host.oom_kills < *first_kills_) {
    return std::nullopt;
  }
  return *look_.host.oom_kills - *first_kills_;
}

std::vector<TopRow> TopView::Rows() const {
  std::vector<TopRow> rows;
  const std::string wanted = ToLower(search_);
  for (const ProcessLook& process : look_.processes) {
    const bool is_found = wanted.empty() || Contains(ToLower(process.label), wanted) ||
                          Contains(std::to_string(process.pid), wanted);
    if (!is_found) continue;
    TopRow row;
    row.process = process;
    if (const auto tracks = tracks_.find(process.key()); tracks != tracks_.end()) {
      row.growth = tracks->second.rss.Slope();
      if (shape_of_) row.shape = shape_of_(tracks->second.rss.points());
      for (std::size_t i = 0; i < kLayers; ++i) {
        row.growths[i] = tracks->second.layers[i].Slope();
      }
      if (tracks->second.has_baseline) {
        row.since_baseline = static_cast<SignedBytes>(process.rss) -
                             static_cast<SignedBytes>(tracks->second.baseline);
      }
    }
    const auto cgroup = look_.cgroups.find(process.cgroup);
    if (cgroup != look_.cgroups.end()) {
      row.cgroup_current = cgroup->second.current;
      row.cgroup_limit = cgroup->second.limit;
      const auto track = cgroups_.find(process.cgroup);
      if (row.cgroup_limit && track != cgroups_.end()) {
        row.seconds_to_limit = track->second.SecondsUntil(*row.cgroup_limit);
      }
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const TopRow& a, const TopRow& b) {
    return Rank(a, sort_) > Rank(b, sort_);
  });
  return rows;
}

const TopRow* TopView::Selected(const std::vector<TopRow>& rows) const {
  for (const TopRow& row : rows) {
    if (selected_ == row.process.key()) return &row;
  }
  return rows.empty() ? nullptr : &rows.front();
}

void TopView::Move(int by) {
  const auto rows = Rows();
  if (rows.empty()) return;
  const TopRow* row = Selected(rows);
  const auto at = row - rows.data();
  const auto to = std::clamp<std::ptrdiff_t>(at + by, 0, std::ssize(rows) - 1);
  selected_ = rows[static_cast<std::size_t>(to)].process.key();
}

bool TopView::TypeKey(int key) {
  if (key == kEnter || key == '\r') {
    is_typing_ = false;
  } else if (key == kEscape) {
    is_typing_ = false;
    search_.clear();
  } else if (key == kBackspace || key == 8) {
    if (!search_.empty()) search_.pop_back();
  } else if (key >= 0x20 && key < 0x7f && search_.size() < 40) {
    search_ += static_cast<char>(key);
  } else {
    return false;
  }
  return true;
}

bool TopView::Key(int key) {
  if (is_typing_) return TypeKey(key);
  note_.clear();
  if (shows_help_) {
    shows_help_ = false;
    return true;
  }
  switch (key) {
    case 'q':
    case 3:  // Ctrl-C, where the terminal passes it on
      wants_quit_ = true;
      return true;
    case ' ':
      is_paused_ = !is_paused_;
      return true;
    case kUp:
    case 'k':
      Move(-1);
      return true;
    case kDown:
    case 'j':
      Move(1);
      return true;
    case 't':
      sort_ = SortBy::kTotal;
      return true;
    case 's':
      sort_ = SortBy::kSelf;
      return true;
    case 'n':
      sort_ = SortBy::kCount;
      return true;
    case 'g':
      sort_ = SortBy::kGrowth;
      return true;
    case 'l':
      layer_ = static_cast<Layer>((static_cast<std::size_t>(layer_) + 1) % kLayers);
      return true;
    case 'f':
      wants_all_ = !wants_all_;
      return true;
    case '/':
      is_typing_ = true;
      search_.clear();
      return true;
    case kEscape:
      search_.clear();
      return true;
    case 'd':
      has_baseline_ = !has_baseline_;
      for (auto& [process, tracks] : tracks_) {
        tracks.has_baseline = has_baseline_;
        if (has_baseline_ && !tracks.rss.empty()) tracks.baseline = tracks.rss.last();
      }
      return true;
    case 'w':
      wants_snapshot_ = true;
      return true;
    case '?':
    case 'h':
      shows_help_ = true;
      return true;
    default:
      return false;
  }
}

void TopView::SnapshotDone(const std::string& note) {
  wants_snapshot_ = false;
  note_ = note;
}

}  // namespace memwhy::monitor
