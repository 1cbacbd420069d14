// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "base/strings.h"
#include "report/device/segment_map.h"
#include "report/device/snapshot_view.h"
#include "report/parts/html_style.h"
#include "report/parts/html_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

constexpr double kMapWidth = 720;
constexpr double kRowHeight = 16;
constexpr std::size_t kMapSegments = 400;
constexpr std::size_t kMapBlocks = 20000;  // drawn one by one; the rest of the map in cells
constexpr double kChartHeight = 200;

constexpr char kSnapshotStyle[] = R"css(
.map rect{stroke:var(--bg);stroke-width:.5}
.map .free{fill:var(--line)}.map .live{fill:var(--device)}.map .pending{fill:var(--native)}
.map figure{margin:1rem 0}
.reserved{fill:none;stroke:var(--accent);stroke-width:2}
.allocated{fill:none;stroke:var(--device);stroke-width:2}
.key{display:inline-block;width:1em;height:1em;vertical-align:middle;margin-right:.25em}
.key.live{background:var(--device)}.key.free{background:var(--line)}
.key.pending{background:var(--native)}
)css";

std::string Cell(const std::string& html, bool is_number) {
  return is_number ? "<td class=\"n\">" + html + "</td>" : "<td>" + html + "</td>";
}

std::string LineHtml(const SnapshotView& view, const std::optional<model::FrameId>& frame) {
  return Escape(DeviceLineText(view.snapshot, frame));
}

std::string TableHead(std::string_view label, std::initializer_list<const char*> names) {
  std::string html = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table><thead><tr>",
      label);
  std::size_t left = names.size();
  for (const char* name : names) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", --left > 0 ? " class=\"n\"" : "", name);
  }
  return html + "</tr></thead>\n<tbody>\n";
}
constexpr const char* kTableEnd = "</tbody></table></div>\n";

std::string UsageHtml(const analysis::DeviceUsage& usage) {
  std::string html = "<dl>\n";
  const auto row = [&](const char* name, Bytes bytes) {
    html += TermHtml(name, BytesHtml(bytes) + " (" + ShareText(bytes, usage.reserved) + ")");
  };
  row("Reserved", usage.reserved);
  row("In tensors", usage.allocated);
  row("Lost to rounding", usage.rounding());
  row("Freed, pending", usage.pending);
  row("Free, split", usage.inactive_split);
  row("Free, can be given back", usage.releasable);
  if (usage.expandable_rest > 0) row("Free, pages in use", usage.expandable_rest);
  if (usage.held_by_pools > 0) row("Free, private pools", usage.held_by_pools);
  return html + "</dl>\n";
}

std::string ChartHtml(const analysis::DeviceTimeline& line) {
  Bytes most = 1;
  for (const auto& point : line.points) most = std::max({most, point.reserved, point.allocated});
  const auto polyline = [&](const char* name, auto value) {
    std::string out = fmt::format("<polyline class=\"{}\" points=\"", name);
    for (const auto& point : line.points) {
      const double x = kMapWidth * static_cast<double>(point.event + 1) /
                       static_cast<double>(std::max<std::size_t>(line.events, 1));
      const double share = static_cast<double>(value(point)) / static_cast<double>(most);
      out += fmt::format("{:.1f},{:.1f} ", x, kChartHeight - share * (kChartHeight - 8));
    }
    return out + "\"/>\n";
  };
  std::string html = fmt::format(
      "<figure><svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"Reserved and allocated "
      "bytes over the events\">\n",
      kMapWidth, kChartHeight);
  html += polyline("reserved", [](const auto& point) { return point.reserved; });
  html += polyline("allocated", [](const auto& point) { return point.allocated; });
  return html + fmt::format(
                    "</svg><figcaption>Reserved (upper line) and in tensors (lower line) over {} "
                    "events; the top is {}.</figcaption></figure>\n",
                    FormatCount(line.events), FormatBytes(most));
}

std::string PeakHtml(const SnapshotView& view, const analysis::DeviceSummary& device) {
  const analysis::DeviceTimeline& line = *device.timeline;
  std::string html = "<h3>Over time</h3>\n" + ChartHtml(line);
  html += fmt::format("<h3>Peak: {} in tensors, at event {}</h3>\n", BytesHtml(line.peak),
                      FormatCount(line.peak_event + 1));
  html += TableHead("Lines at the peak", {"Bytes", "Blocks", "Made by"});
  for (std::size_t i = 0; i < std::min(view.top, device.peak_lines.size()); ++i) {
    const analysis::LineAmount& amount = device.peak_lines[i];
    html += "<tr>" + Cell(BytesHtml(amount.bytes), true) + Cell(FormatCount(amount.blocks), true) +
            Cell(LineHtml(view, amount.frame), false) + "</tr>\n";
  }
  html += kTableEnd;
  html += fmt::format("<details><summary>The largest of {} blocks</summary>\n",
                      FormatCount(line.at_peak.size()));
  html += TableHead("Blocks at the peak", {"Bytes", "Address", "Now", "Made by"});
  for (std::size_t i = 0; i < std::min(view.top, line.at_peak.size()); ++i) {
    const analysis::LiveDeviceBlock& block = line.at_peak[i];
    html += "<tr>" + Cell(BytesHtml(block.bytes), true) +
            Cell(fmt::format("0x{:x}", block.address), true) +
            Cell(block.is_live_at_end ? "live" : "freed", true) +
            Cell(LineHtml(view, analysis::LineOf(view.snapshot, block.stack)), false) + "</tr>\n";
  }
  return html + kTableEnd + "</details>\n";
}

std::string PinsHtml(const SnapshotView& view, const analysis::DeviceUsage& usage) {
  if (usage.pins.empty()) return "<p>No segment is kept by few blocks.</p>\n";
  std::string html =
      TableHead("Pinned segments", {"Free in it", "Segment", "Live", "Blocks", "Largest made by"});
  for (std::size_t i = 0; i < std::min(view.top, usage.pins.size()); ++i) {
    const analysis::DevicePin& pin = usage.pins[i];
    const model::DeviceSegment& segment = view.snapshot.segments[pin.segment];
    const model::StackId stack = view.snapshot.blocks[pin.largest].stack;
    html += "<tr>" + Cell(BytesHtml(pin.free), true) +
            Cell(fmt::format("0x{:x}, {}", segment.address, BytesHtml(segment.size)), true) +
            Cell(BytesHtml(pin.live), true) + Cell(FormatCount(pin.live_blocks), true) +
            Cell(LineHtml(view, analysis::LineOf(view.snapshot, stack)), false) + "</tr>\n";
  }
  return html + kTableEnd;
}

// One block, or one cell of equal parts where there are too many blocks.
std::string RectHtml(double x, double width, const char* kind, const std::string& title) {
  std::string html =
      fmt::format("<rect class=\"{}\" x=\"{:.2f}\" width=\"{:.2f}\" height=\"{:g}\">", kind, x,
                  width, kRowHeight);
  if (!title.empty()) html += "<title>" + title + "</title>";
  return html + "</rect>";
}

std::string RowHtml(const SnapshotView& view, const model::DeviceSegment& segment, Bytes largest,
                    bool is_exact) {
  const double scale = kMapWidth / static_cast<double>(std::max<Bytes>(largest, 1));
  std::string html;
  if (is_exact) {
    double x = 0;
    for (std::size_t i = 0; i < segment.block_count; ++i) {
      const model::DeviceBlock& block = view.snapshot.blocks[segment.first_block + i];
      const double width = static_cast<double>(block.size) * scale;
      const bool is_free = block.state == model::BlockState::kInactive;
      const bool is_live = block.state == model::BlockState::kActive;
      const std::string line =
          is_free ? "free" : LineHtml(view, analysis::LineOf(view.snapshot, block.stack));
      html += RectHtml(x, width,
                       is_free   ? "free"
                       : is_live ? "live"
                                 : "pending",
                       FormatBytes(block.size) + ", " + line);
      x += width;
    }
    return html;
  }
  const double width = static_cast<double>(segment.size) * scale;
  const std::size_t cells = std::clamp<std::size_t>(static_cast<std::size_t>(width / 8), 1, 90);
  const std::vector<double> fill = FillOf(view.snapshot, segment, cells);
  for (std::size_t i = 0; i < cells; ++i) {
    html += RectHtml(width * static_cast<double>(i) / static_cast<double>(cells),
                     width / static_cast<double>(cells), fill[i] >= 0.5 ? "live" : "free",
                     fmt::format("{:.0f} % live", 100 * fill[i]));
  }
  return html;
}

std::string MapHtml(const SnapshotView& view, int device) {
  const auto segments = SegmentsBySize(view.snapshot, device);
  if (segments.empty()) return "";
  std::string html =
      "<h3>Map of the segments</h3>\n<p><span class=\"key live\"></span>live "
      "<span class=\"key pending\"></span>freed, pending <span class=\"key free\"></span>free; a "
      "row is a segment, as wide as it is large; point at a block for its line.</p>\n"
      "<div class=\"map scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Segments\">\n";
  const std::size_t rows = std::min(kMapSegments, segments.size());
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    drawn += segments[i]->block_count;
    html += fmt::format(
        "<figure><figcaption>0x{:x}, {}, {}{}{}</figcaption>"
        "<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"segment 0x{:x}\">",
        segments[i]->address, FormatBytes(segments[i]->size),
        segments[i]->is_small ? "small pool" : "large pool",
        segments[i]->is_expandable ? ", expandable" : "",
        segments[i]->pool == model::PoolId{0, 0} ? "" : ", private pool", kMapWidth, kRowHeight,
        segments[i]->address);
    html += RowHtml(view, *segments[i], segments[0]->size, drawn <= kMapBlocks);
    html += "</svg></figure>\n";
  }
  if (segments.size() > rows) {
    html += fmt::format("<p>and {} smaller segments</p>\n", FormatCount(segments.size() - rows));
  }
  return html + "</div>\n";
}

std::string WhatIfHtml(const analysis::DeviceSummary& device) {
  if (!device.what_if || device.what_if->empty()) return "";
  std::string html = "<h3>What other settings would have reserved</h3>\n";
  html += TableHead("Settings", {"At the end", "At most", "Setting"});
  const auto row = [&](Bytes end, Bytes most, const std::string& name) {
    html += "<tr>" + Cell(BytesHtml(end), true) + Cell(BytesHtml(most), true) +
            Cell(Escape(name), false) + "</tr>\n";
  };
  row(device.usage.reserved, device.timeline->peak_reserved, "recorded");
  for (const analysis::WhatIf& each : *device.what_if) {
    row(each.reserved, each.peak_reserved,
        each.setting.empty() ? "the same settings, replayed" : each.setting);
  }
  return html + kTableEnd;
}

}  // namespace

std::string SnapshotHtml(const SnapshotView& view) {
  const std::string style = std::string(kReportStyle) + kSnapshotStyle;
  const std::string title = "Device memory: " + Escape(Basename(view.file));
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; "
      "base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<header><h1>{}</h1></header>\n<main>\n",
      ContentHash(style), title, style, title);
  if (!view.snapshot.damage.empty()) {
    html += "<p>The file is damaged: " + Escape(view.snapshot.damage) +
            ". What was read up to there follows.</p>\n";
  }
  for (const std::string& left : view.snapshot.left_out) {
    html += "<p>Left out: " + Escape(left) + "</p>\n";
  }
  for (const analysis::DeviceSummary& device : view.devices) {
    html += fmt::format("<section><h2>Device {}</h2>\n", device.device) + UsageHtml(device.usage);
    html += device.timeline ? PeakHtml(view, device)
                            : "<p>No events were recorded: peak and time line are unknown.</p>\n";
    html += "<h3>Who keeps free memory from being given back</h3>\n" +
            PinsHtml(view, device.usage) + WhatIfHtml(device) + MapHtml(view, device.device) +
            "</section>\n";
  }
  return html + "</main>\n<footer><p>This file needs no network.</p></footer>\n</body>\n</html>\n";
}

}  // namespace memwhy::report
