// SPDX-License-Identifier: Apache-2.0
// Drives torch's own caching allocator on fake_cudart.c. stdin: "a NAME SIZE", "f NAME", "e" (empty
// cache), one a line. stdout: segments and events as JSON, in the shape of memory_snapshot().
#include <c10/cuda/CUDACachingAllocator.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <unordered_map>

namespace allocator = c10::cuda::CUDACachingAllocator;

static const char* ActionName(allocator::TraceEntry::Action action) {
  static const char* const kNames[] = {"alloc",         "free_requested", "free_completed",
                                       "segment_alloc", "segment_free",   "segment_map",
                                       "segment_unmap", "snapshot",       "oom"};
  return kNames[action];
}

static void PrintSegment(const allocator::SegmentInfo& segment) {
  std::printf(
      "{\"device\": 0, \"address\": %zu, \"total_size\": %zu, \"allocated_size\": %zu, "
      "\"active_size\": %zu, \"requested_size\": %zu, \"stream\": 0, \"segment_type\": \"%s\", "
      "\"is_expandable\": %s, \"frames\": [], \"blocks\": [",
      segment.address, segment.total_size, segment.allocated_size, segment.active_size,
      segment.requested_size, segment.is_large ? "large" : "small",
      segment.is_expandable ? "true" : "false");
  size_t address = segment.address;
  for (const auto& block : segment.blocks) {
    std::printf(
        "%s{\"address\": %zu, \"size\": %zu, \"requested_size\": %zu, \"state\": \"%s\", "
        "\"frames\": []}",
        address == segment.address ? "" : ", ", address, block.size, block.requested_size,
        block.allocated ? "active_allocated"
        : block.active  ? "active_pending_free"
                        : "inactive");
    address += block.size;
  }
  std::printf("]}");
}

int main() {
  auto* torch = allocator::get();
  torch->init(1);
  torch->recordHistory(true, nullptr, size_t{1} << 30, allocator::RecordContext::NEVER);
  std::unordered_map<std::string, void*> live;
  std::string what, name;
  while (std::cin >> what) {
    if (what == "a") {
      size_t size = 0;
      std::cin >> name >> size;
      live[name] = torch->raw_alloc(size);
    } else if (what == "f") {
      std::cin >> name;
      torch->raw_delete(live.at(name));
      live.erase(name);
    } else {
      torch->emptyCache();
    }
  }
  const auto stats = torch->getDeviceStats(0);
  const auto info = torch->snapshot();
  std::printf(
      "{\"reserved\": %ld, \"peak_reserved\": %ld, \"allocated\": %ld, "
      "\"peak_allocated\": %ld, \"inactive_split\": %ld, \"retries\": %ld, \"segments\": [",
      long(stats.reserved_bytes[0].current), long(stats.reserved_bytes[0].peak),
      long(stats.allocated_bytes[0].current), long(stats.allocated_bytes[0].peak),
      long(stats.inactive_split_bytes[0].current), long(stats.num_alloc_retries));
  for (size_t i = 0; i < info.segments.size(); ++i) {
    if (i > 0) std::printf(", ");
    PrintSegment(info.segments[i]);
  }
  std::printf("], \"events\": [");
  bool is_first = true;
  for (const auto& entry : info.device_traces.at(0)) {
    const bool is_oom = entry.action_ == allocator::TraceEntry::OOM;
    std::printf("%s{\"action\": \"%s\", \"%s\": %zu, \"size\": %zu, \"stream\": 0}",
                is_first ? "" : ", ", ActionName(entry.action_), is_oom ? "device_free" : "addr",
                entry.addr_, entry.size_);
    is_first = false;
  }
  std::printf("]}\n");
  return 0;
}
