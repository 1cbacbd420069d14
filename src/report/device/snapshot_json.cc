// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "report/device/snapshot_view.h"

namespace memwhy::report {
namespace {

std::string Hex(std::uint64_t address) { return fmt::format("0x{:x}", address); }

template <typename T>
Json DeviceValue(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json DeviceStackJson(const model::DeviceSnapshot& snapshot, model::StackId stack) {
  if (!snapshot.stacks.has_frames(stack)) return nullptr;
  Json frames = Json::array();
  for (const model::FrameId id : snapshot.stacks.Frames(stack)) {
    frames.push_back(FrameJson(snapshot.stacks.frame(id)));
  }
  return frames;
}

Json LineJson(const model::DeviceSnapshot& snapshot, const std::optional<model::FrameId>& frame) {
  return frame ? FrameJson(snapshot.stacks.frame(*frame)) : Json(nullptr);
}

Json PeakJson(const SnapshotView& view, const analysis::DeviceSummary& device) {
  const analysis::DeviceTimeline& line = *device.timeline;
  Json blocks = Json::array();
  for (std::size_t i = 0; i < std::min(view.top, line.at_peak.size()); ++i) {
    const analysis::LiveDeviceBlock& block = line.at_peak[i];
    blocks.push_back({{"address", Hex(block.address)},
                      {"bytes", block.bytes},
                      {"stack", DeviceStackJson(view.snapshot, block.stack)},
                      {"event", DeviceValue(block.event)},
                      {"live_at_end", block.is_live_at_end}});
  }
  Json lines = Json::array();
  for (std::size_t i = 0; i < std::min(view.top, device.peak_lines.size()); ++i) {
    const analysis::LineAmount& amount = device.peak_lines[i];
    lines.push_back({{"frame", LineJson(view.snapshot, amount.frame)},
                     {"bytes", amount.bytes},
                     {"blocks", amount.blocks}});
  }
  return {{"bytes", line.peak},
          {"reserved", line.peak_reserved},
          {"at", DeviceValue(line.peak_at)},
          {"event", line.peak_event},
          {"blocks_total", line.at_peak.size()},
          {"blocks", std::move(blocks)},
          {"lines", std::move(lines)}};
}

Json PinsJson(const SnapshotView& view, const analysis::DeviceUsage& usage) {
  Json pins = Json::array();
  for (std::size_t i = 0; i < std::min(view.top, usage.pins.size()); ++i) {
    const analysis::DevicePin& pin = usage.pins[i];
    const model::DeviceSegment& segment = view.snapshot.segments[pin.segment];
    const model::DeviceBlock& block = view.snapshot.blocks[pin.largest];
    pins.push_back({{"segment", Hex(segment.address)},
                    {"size", segment.size},
                    {"free", pin.free},
                    {"live", pin.live},
                    {"live_blocks", pin.live_blocks},
                    {"by",
                     {{"address", Hex(block.address)},
                      {"bytes", block.size},
                      {"stack", DeviceStackJson(view.snapshot, block.stack)}}}});
  }
  return pins;
}

Json DeviceJson(const SnapshotView& view, const analysis::DeviceSummary& device) {
  const analysis::DeviceUsage& usage = device.usage;
  Json json = {{"device", device.device},
               {"reserved", usage.reserved},
               {"allocated", usage.allocated},
               {"active", usage.active},
               {"pending", usage.pending},
               {"requested", usage.requested},
               {"rounding", usage.rounding()},
               {"inactive_split", usage.inactive_split},
               {"releasable", usage.releasable},
               {"held_by_pools", usage.held_by_pools},
               {"expandable_rest", usage.expandable_rest},
               {"largest_free", usage.largest_free},
               {"segments", usage.segments},
               {"events", nullptr},
               {"seconds", nullptr},
               {"out_of_memory", nullptr},
               {"peak", nullptr},
               {"timeline", Json::array()}};
  if (device.timeline) {
    const analysis::DeviceTimeline& line = *device.timeline;
    json["events"] = line.events;
    json["seconds"] = DeviceValue(line.seconds);
    json["out_of_memory"] = line.out_of_memory;
    json["peak"] = PeakJson(view, device);
    for (const analysis::DevicePoint& point : line.points) {
      json["timeline"].push_back({{"at", DeviceValue(point.at)},
                                  {"event", point.event},
                                  {"allocated", point.allocated},
                                  {"reserved", point.reserved}});
    }
    json["before_first_event"] = line.before.size();
    json["not_in_snapshot"] = line.not_in_snapshot;
    json["alloc_on_live"] = line.alloc_on_live;
  }
  json["pins_total"] = usage.pins.size();
  json["pins"] = PinsJson(view, usage);
  json["pins_by_line"] = Json::array();
  for (std::size_t i = 0; i < std::min(view.top, usage.by_line.size()); ++i) {
    const analysis::PinLine& line = usage.by_line[i];
    json["pins_by_line"].push_back({{"frame", LineJson(view.snapshot, line.frame)},
                                    {"free", line.free},
                                    {"live", line.live},
                                    {"segments", line.segments}});
  }
  json["what_if"] = device.what_if ? Json::array() : Json(nullptr);
  if (device.what_if) {
    for (const analysis::WhatIf& row : *device.what_if) {
      json["what_if"].push_back({{"setting", TextOrNull(row.setting)},
                                 {"reserved", row.reserved},
                                 {"peak_reserved", row.peak_reserved},
                                 {"device_calls", row.device_calls}});
    }
  }
  return json;
}

}  // namespace

Json SnapshotJson(const SnapshotView& view) {
  const model::DeviceSnapshot& snapshot = view.snapshot;
  Json document;
  document["schema"] = "memwhy.snapshot/1";
  document["session"] = nullptr;
  document["file"] = view.file;
  document["file_bytes"] = snapshot.file_bytes;
  document["protocol"] = snapshot.protocol;
  document["damaged"] = TextOrNull(snapshot.damage);
  document["left_out"] = snapshot.left_out;
  document["settings"] = snapshot.settings;
  document["annotations"] = snapshot.annotations;
  document["host"] = nullptr;
  if (snapshot.host) {
    document["host"] = {{"segments", snapshot.host->segments},
                        {"bytes", snapshot.host->bytes},
                        {"in_use", DeviceValue(snapshot.host->in_use)}};
  }
  document["devices"] = Json::array();
  for (const analysis::DeviceSummary& device : view.devices) {
    document["devices"].push_back(DeviceJson(view, device));
  }
  return document;
}

}  // namespace memwhy::report
