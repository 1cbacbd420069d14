// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/device_timeline.h"

#include <algorithm>
#include <span>
#include <unordered_map>

namespace memwhy::analysis {
namespace {

using model::DeviceAction;
using model::DeviceEvent;

struct Live {
  std::size_t event = 0;  // kBefore: the first event came later
  Bytes bytes = 0;
};
constexpr std::size_t kBefore = ~std::size_t{0};

// Levels may go below zero while the bytes that were there before are not known yet.
using Level = std::uint64_t;  // modulo 2^64
bool IsHigher(Level a, Level b) { return static_cast<std::int64_t>(a - b) > 0; }

class Follower {
 public:
  Follower(const model::DeviceSnapshot& snapshot, const model::DeviceTrace& trace,
           const AllocatorSettings& settings)
      : snapshot_(snapshot),
        events_(std::span<const DeviceEvent>(snapshot.events).subspan(trace.first, trace.count)),
        settings_(settings),
        device_(trace.device) {}

  DeviceTimeline Follow(std::size_t points);

 private:
  void FindBlocksOfEnd();
  Bytes BytesOf(std::size_t event) const;
  // The change of allocated bytes; called for each event in order.
  Level Allocated(std::size_t i);
  static Level Reserved(const DeviceEvent& event);
  void Levels(std::size_t points);
  void AddPointTo(std::size_t i, Level allocated, Level reserved, std::size_t points);
  void CollectPeak();
  std::optional<double> TimeOf(std::size_t i) const;

  const model::DeviceSnapshot& snapshot_;
  std::span<const DeviceEvent> events_;
  const AllocatorSettings& settings_;
  int device_;
  DeviceTimeline line_;
  std::unordered_map<std::uint64_t, std::size_t> end_blocks_;    // address, into blocks
  std::unordered_map<std::size_t, std::size_t> block_of_event_;  // live at the end: into blocks
  std::unordered_map<std::uint64_t, Live> live_;
  Level base_ = 0;
};

std::optional<double> Follower::TimeOf(std::size_t i) const {
  if (!snapshot_.has_times || events_.empty()) return std::nullopt;
  return static_cast<double>(events_[i].time_us - events_[0].time_us) / 1e6;
}

// Which allocation made each live block: the last event at its address. What remains in end_blocks_
// is older than the trace.
void Follower::FindBlocksOfEnd() {
  for (const model::DeviceSegment& segment : snapshot_.segments) {
    if (segment.device != device_) continue;
    for (std::size_t i = 0; i < segment.block_count; ++i) {
      const std::size_t block = segment.first_block + i;
      if (snapshot_.blocks[block].state == model::BlockState::kActive) {
        end_blocks_.emplace(snapshot_.blocks[block].address, block);
      }
    }
  }
  for (std::size_t i = events_.size(); i-- > 0 && !end_blocks_.empty();) {
    const DeviceAction action = events_[i].action;
    if (action != DeviceAction::kAlloc && action != DeviceAction::kFreeRequested) continue;
    const auto found = end_blocks_.find(events_[i].address);
    if (found == end_blocks_.end()) continue;
    // A block that is live where the last event is a free was made after the recording.
    if (action == DeviceAction::kAlloc) block_of_event_.emplace(i, found->second);
    end_blocks_.erase(found);
  }
}

Bytes Follower::BytesOf(std::size_t event) const {
  const auto found = block_of_event_.find(event);
  return found == block_of_event_.end() ? RoundRequest(events_[event].size, settings_)
                                        : snapshot_.blocks[found->second].size;
}

Level Follower::Allocated(std::size_t i) {
  const DeviceEvent& event = events_[i];
  if (event.action == DeviceAction::kAlloc) {
    const Bytes bytes = BytesOf(i);
    const auto [it, is_new] = live_.try_emplace(event.address, Live{i, bytes});
    if (is_new) return bytes;
    ++line_.alloc_on_live;
    const Bytes before = it->second.bytes;
    it->second = {i, bytes};
    return bytes - before;
  }
  // "free_completed" alone is a free, too, where the request is older than the trace.
  if (event.action != DeviceAction::kFreeRequested &&
      event.action != DeviceAction::kFreeCompleted) {
    return 0;
  }
  const auto found = live_.find(event.address);
  if (found != live_.end()) {
    const Bytes bytes = found->second.bytes;
    live_.erase(found);
    return Level{0} - bytes;
  }
  if (event.action == DeviceAction::kFreeCompleted) return 0;
  const Bytes bytes = RoundRequest(event.size, settings_);
  line_.before.push_back({event.address, bytes, model::kUnknownStack, std::nullopt, false});
  base_ += bytes;
  return Level{0} - bytes;
}

Level Follower::Reserved(const DeviceEvent& event) {
  switch (event.action) {
    case DeviceAction::kSegmentAlloc:
    case DeviceAction::kSegmentMap:
      return event.size;
    case DeviceAction::kSegmentFree:
    case DeviceAction::kSegmentUnmap:
      return Level{0} - event.size;
    default:
      return 0;
  }
}

void Follower::AddPointTo(std::size_t i, Level allocated, Level reserved, std::size_t points) {
  const std::size_t index = i * points / events_.size();
  if (line_.points.size() <= index) {
    line_.points.resize(index + 1, {i, std::nullopt, allocated, reserved});
  }
  DevicePoint& point = line_.points[index];
  point.event = i;
  if (IsHigher(allocated, point.allocated)) point.allocated = allocated;
  if (IsHigher(reserved, point.reserved)) point.reserved = reserved;
}

void Follower::Levels(std::size_t points) {
  Level allocated = 0;
  Level reserved = 0;
  Level highest = 0;
  Level highest_reserved = 0;
  bool is_first = true;
  for (std::size_t i = 0; i < events_.size(); ++i) {
    allocated += Allocated(i);
    reserved += Reserved(events_[i]);
    if (events_[i].action == DeviceAction::kOutOfMemory) ++line_.out_of_memory;
    if (is_first || IsHigher(allocated, highest)) {
      highest = allocated;
      line_.peak_event = i;
    }
    if (is_first || IsHigher(reserved, highest_reserved)) highest_reserved = reserved;
    is_first = false;
    AddPointTo(i, allocated, reserved, points);
  }
  for (const auto& [address, block] : end_blocks_) {
    const model::DeviceBlock& at = snapshot_.blocks[block];
    line_.before.push_back({address, at.size, at.stack, std::nullopt, true});
    base_ += at.size;
  }
  std::sort(line_.before.begin(), line_.before.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  for (const auto& [address, live] : live_) {
    if (!block_of_event_.contains(live.event)) ++line_.not_in_snapshot;
  }
  Bytes end_reserved = 0;
  for (const model::DeviceSegment& segment : snapshot_.segments) {
    if (segment.device == device_) end_reserved += segment.size;
  }
  const Level reserved_base = end_reserved - reserved;
  line_.peak = base_ + highest;
  line_.peak_reserved = std::max<Bytes>(reserved_base + highest_reserved, end_reserved);
  for (DevicePoint& point : line_.points) {
    point.at = TimeOf(point.event);
    point.allocated += base_;
    point.reserved += reserved_base;
  }
}

// Once more up to the peak: who is live there.
void Follower::CollectPeak() {
  live_.clear();
  std::unordered_multimap<std::uint64_t, std::size_t> before;
  for (std::size_t i = 0; i < line_.before.size(); ++i) {
    before.emplace(line_.before[i].address, i);
  }
  std::vector<bool> is_gone(line_.before.size());
  for (std::size_t i = 0; i <= line_.peak_event; ++i) {
    const DeviceEvent& event = events_[i];
    if (event.action == DeviceAction::kAlloc) {
      live_[event.address] = {i, BytesOf(i)};
    } else if (event.action == DeviceAction::kFreeRequested ||
               event.action == DeviceAction::kFreeCompleted) {
      if (live_.erase(event.address) > 0) continue;
      const auto found = before.find(event.address);
      if (event.action == DeviceAction::kFreeRequested && found != before.end()) {
        is_gone[found->second] = true;
        before.erase(found);
      }
    }
  }
  for (const auto& [address, live] : live_) {
    const bool is_at_end = block_of_event_.contains(live.event);
    line_.at_peak.push_back(
        {address, live.bytes, events_[live.event].stack, live.event, is_at_end});
  }
  for (std::size_t i = 0; i < line_.before.size(); ++i) {
    if (!is_gone[i]) line_.at_peak.push_back(line_.before[i]);
  }
  std::sort(line_.at_peak.begin(), line_.at_peak.end(), [](const auto& a, const auto& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.address < b.address;
  });
}

DeviceTimeline Follower::Follow(std::size_t points) {
  line_.events = events_.size();
  line_.seconds = TimeOf(events_.size() - 1);
  FindBlocksOfEnd();
  Levels(std::max<std::size_t>(points, 1));
  line_.peak_at = TimeOf(line_.peak_event);
  CollectPeak();
  return std::move(line_);
}

}  // namespace

std::optional<DeviceTimeline> FollowDevice(const model::DeviceSnapshot& snapshot, int device,
                                           const AllocatorSettings& settings, std::size_t points) {
  for (const model::DeviceTrace& trace : snapshot.traces) {
    if (trace.device == device) return Follower(snapshot, trace, settings).Follow(points);
  }
  return std::nullopt;
}

}  // namespace memwhy::analysis
