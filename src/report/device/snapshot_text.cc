// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "base/terminal_text.h"
#include "report/device/segment_map.h"
#include "report/device/snapshot_view.h"
#include "report/parts/wrap.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

constexpr std::size_t kMapCells = 40;
constexpr std::size_t kMapRows = 12;

std::string Row(const char* name, Bytes bytes, Bytes whole, const char* note = "") {
  const std::string line = fmt::format("  {:<30}{:>10}{:>9}  {}", name, FormatBytes(bytes),
                                       ShareText(bytes, whole), note);
  return line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

std::string UsageText(const analysis::DeviceUsage& usage) {
  std::string text = Row("in tensors", usage.allocated, usage.reserved) +
                     Row("  of it lost to rounding", usage.rounding(), usage.reserved);
  if (usage.pending > 0) {
    text += Row("freed, a stream may use it", usage.pending, usage.reserved);
  }
  text += Row("free, in segments in use", usage.inactive_split, usage.reserved, "split waste") +
          Row("free, can be given back", usage.releasable, usage.reserved, "empty_cache()");
  if (usage.expandable_rest > 0) {
    text += Row("free, in pages in use", usage.expandable_rest, usage.reserved, "expandable");
  }
  if (usage.held_by_pools > 0) {
    text += Row("free, in private pools", usage.held_by_pools, usage.reserved, "CUDA graphs");
  }
  text += Row("largest free block", usage.largest_free, usage.reserved);
  return text;
}

std::string AtText(const std::optional<double>& at) {
  return at ? fmt::format("after {}, ", FormatSeconds(*at)) : std::string();
}

std::string AmountRow(Bytes bytes, const std::string& count, const std::string& line) {
  return fmt::format("  {:>10}  {:>12}  {}\n", FormatBytes(bytes), count,
                     ShortenLeft(EscapeName(line), 52));
}

std::string Blocks(std::uint64_t count) {
  return count == 1 ? "1 block" : FormatCount(count) + " blocks";
}

std::string PeakText(const SnapshotView& view, const analysis::DeviceSummary& device) {
  const analysis::DeviceTimeline& line = *device.timeline;
  std::string text =
      fmt::format("Peak: {} in tensors, {}event {} of {}.\nBy the line that made them:\n",
                  FormatBytes(line.peak), AtText(line.peak_at), FormatCount(line.peak_event + 1),
                  FormatCount(line.events));
  const std::size_t lines = std::min(view.top, device.peak_lines.size());
  for (std::size_t i = 0; i < lines; ++i) {
    const analysis::LineAmount& amount = device.peak_lines[i];
    text +=
        AmountRow(amount.bytes, Blocks(amount.blocks), DeviceLineText(view.snapshot, amount.frame));
  }
  if (device.peak_lines.size() > lines) {
    text += fmt::format("  and {} more lines\n", FormatCount(device.peak_lines.size() - lines));
  }
  const std::size_t blocks = std::min(view.top, line.at_peak.size());
  text += fmt::format("The {} largest of {} blocks at the peak:\n", blocks,
                      FormatCount(line.at_peak.size()));
  for (std::size_t i = 0; i < blocks; ++i) {
    const analysis::LiveDeviceBlock& block = line.at_peak[i];
    text += AmountRow(block.bytes, block.is_live_at_end ? "still live" : "freed since",
                      DeviceLineText(view.snapshot, analysis::LineOf(view.snapshot, block.stack)));
  }
  if (!line.before.empty()) {
    text += Wrap("  ", fmt::format("{} are older than the first event: the trace keeps the newest "
                                   "events only (max_entries).",
                                   Blocks(line.before.size())));
  }
  if (line.not_in_snapshot > 0) {
    text += Wrap("  ", fmt::format("By the events {} more are live than the snapshot lists: the "
                                   "recording had ended before the snapshot was taken.",
                                   Blocks(line.not_in_snapshot)));
  }
  if (line.out_of_memory > 0) {
    text += fmt::format("  Out of memory: {} times.\n", FormatCount(line.out_of_memory));
  }
  return text + "\n";
}

std::string PinsText(const SnapshotView& view, const analysis::DeviceUsage& usage) {
  if (usage.pins.empty()) return "";
  std::string text = "Who keeps free memory from being given back (segment, free in it):\n";
  const std::size_t rows = std::min(view.top, usage.pins.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const analysis::DevicePin& pin = usage.pins[i];
    const model::DeviceSegment& segment = view.snapshot.segments[pin.segment];
    const model::DeviceBlock& block = view.snapshot.blocks[pin.largest];
    text += fmt::format(
        "  0x{:x} {}, {} free, held by {} of {}:\n    {} by {}\n", segment.address,
        FormatBytes(segment.size), FormatBytes(pin.free), Blocks(pin.live_blocks),
        FormatBytes(pin.live), FormatBytes(block.size),
        ShortenLeft(
            EscapeName(DeviceLineText(view.snapshot, analysis::LineOf(view.snapshot, block.stack))),
            60));
  }
  if (usage.pins.size() > rows) {
    text += fmt::format("  and {} more segments\n", FormatCount(usage.pins.size() - rows));
  }
  if (!usage.by_line.empty()) text += "Lines that alone keep whole segments:\n";
  for (std::size_t i = 0; i < std::min(view.top, usage.by_line.size()); ++i) {
    const analysis::PinLine& line = usage.by_line[i];
    text += AmountRow(line.free,
                      line.segments == 1 ? "1 segment" : fmt::format("{} segments", line.segments),
                      DeviceLineText(view.snapshot, line.frame));
  }
  return text + "\n";
}

std::string MapText(const SnapshotView& view, const analysis::DeviceUsage& usage) {
  if (usage.pins.empty()) return "";
  std::string text = "Map of these segments (# full, + part, . free; --html FILE has all):\n";
  for (std::size_t i = 0; i < std::min({kMapRows, view.top, usage.pins.size()}); ++i) {
    const model::DeviceSegment& segment = view.snapshot.segments[usage.pins[i].segment];
    std::string cells;
    for (const double fill : FillOf(view.snapshot, segment, kMapCells)) {
      cells += fill >= 0.999 ? '#' : fill <= 0.001 ? '.' : '+';
    }
    text += fmt::format("  0x{:<14x}{:>9} [{}]{}\n", segment.address, FormatBytes(segment.size),
                        cells, segment.is_expandable ? " expandable" : "");
  }
  return text + "\n";
}

std::string WhatIfText(const analysis::DeviceSummary& device) {
  if (!device.timeline) return "";
  if (!device.what_if) {
    return Wrap("", fmt::format("Other settings were not replayed: {} events take a while; "
                                "--what-if does it.",
                                FormatCount(device.timeline->events))) +
           "\n";
  }
  std::string text =
      fmt::format("What other settings would have reserved (replay):\n  {:<36}{:>12}{:>12}\n", "",
                  "at the end", "at most");
  text += fmt::format("  {:<36}{:>12}{:>12}\n", "recorded", FormatBytes(device.usage.reserved),
                      FormatBytes(device.timeline->peak_reserved));
  for (const analysis::WhatIf& row : *device.what_if) {
    text +=
        fmt::format("  {:<36}{:>12}{:>12}\n",
                    row.setting.empty() ? "the same settings, replayed" : EscapeName(row.setting),
                    FormatBytes(row.reserved), FormatBytes(row.peak_reserved));
  }
  return text + "\n";
}

}  // namespace

std::string DeviceLineText(const model::DeviceSnapshot& snapshot,
                           const std::optional<model::FrameId>& frame) {
  return frame ? FrameLine(snapshot.stacks.frame(*frame)) : "line not recorded";
}

std::string SnapshotText(const SnapshotView& view) {
  std::string text;
  if (view.devices.empty()) {
    text +=
        "The snapshot has no segments and no events: no device memory was in use, and no "
        "history\nwas recorded.\n";
  }
  for (const analysis::DeviceSummary& device : view.devices) {
    const analysis::DeviceUsage& usage = device.usage;
    text += fmt::format("Device {}: {} reserved in {} segments\n", device.device,
                        FormatBytes(usage.reserved), FormatCount(usage.segments));
    text += UsageText(usage) + "\n";
    if (device.timeline) {
      text += PeakText(view, device);
    } else {
      text += Wrap("",
                   "No events of this device: torch.cuda.memory._record_memory_history() was "
                   "not on, so peak and time line are unknown.") +
              "\n";
    }
    text += PinsText(view, usage) + MapText(view, usage) + WhatIfText(device);
  }
  if (view.snapshot.host) {
    text += fmt::format("Pinned host memory: {} in {} segments\n",
                        FormatBytes(view.snapshot.host->bytes),
                        FormatCount(view.snapshot.host->segments));
  }
  for (const std::string& left : view.snapshot.left_out) {
    text += Wrap("", "Left out: " + EscapeName(left));
  }
  return text;
}

}  // namespace memwhy::report
