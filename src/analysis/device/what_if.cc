// SPDX-License-Identifier: Apache-2.0
#include "analysis/device/what_if.h"

#include <span>
#include <unordered_map>

#include "analysis/device/allocator_replay.h"

namespace memwhy::analysis {
namespace {

using model::DeviceAction;

WhatIf Replay(std::span<const model::DeviceEvent> events, const DeviceTimeline& timeline,
              const AllocatorSettings& settings, Bytes gc_limit) {
  AllocatorReplay replay(settings, gc_limit);
  std::unordered_map<std::uint64_t, AllocatorReplay::Handle> live;
  const auto end = [&](std::uint64_t address) {
    const auto found = live.find(address);
    if (found == live.end()) return;
    replay.Free(found->second);
    live.erase(found);
  };
  for (const LiveDeviceBlock& block : timeline.before) {
    end(block.address);
    live[block.address] = replay.Allocate(block.bytes, 0, 0);
  }
  bool is_releasing = false;  // a run of segment_free is one call of empty_cache
  for (const model::DeviceEvent& event : events) {
    const bool releases =
        event.action == DeviceAction::kSegmentFree || event.action == DeviceAction::kSegmentUnmap;
    if (releases && !is_releasing) replay.ReleaseCached();
    is_releasing = releases;
    if (event.action == DeviceAction::kAlloc) {
      end(event.address);
      live[event.address] = replay.Allocate(event.size, event.stream, event.pool);
    } else if (event.action == DeviceAction::kFreeCompleted) {
      end(event.address);
    }
  }
  return {"", replay.reserved(), replay.peak_reserved(), replay.device_calls()};
}

}  // namespace

Result<std::vector<WhatIf>> ReplayDevice(const model::DeviceSnapshot& snapshot, int device,
                                         const DeviceTimeline& timeline,
                                         const std::vector<std::string>& settings, Bytes gc_limit) {
  std::vector<WhatIf> rows;
  const AllocatorSettings recorded = SettingsOf(snapshot.settings);
  if (gc_limit == 0) gc_limit = timeline.peak_reserved;
  std::vector<std::pair<std::string, AllocatorSettings>> tries = {{"", recorded}};
  for (const std::string& text : settings) {
    AllocatorSettings changed = recorded;
    MEMWHY_TRY_VOID(ApplySetting(text, &changed));
    tries.emplace_back(text, changed);
  }
  for (const model::DeviceTrace& trace : snapshot.traces) {
    if (trace.device != device) continue;
    const auto events =
        std::span<const model::DeviceEvent>(snapshot.events).subspan(trace.first, trace.count);
    for (const auto& [text, tried] : tries) {
      rows.push_back(Replay(events, timeline, tried, gc_limit));
      rows.back().setting = text;
    }
    break;
  }
  return rows;
}

}  // namespace memwhy::analysis
