// SPDX-License-Identifier: Apache-2.0
#include "report/views/stats_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "base/strings.h"
#include "base/terminal_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

void AppendTotal(std::string& text, std::string_view name, const model::Amount& amount) {
  text += fmt::format("  {:<24}{:>12}{:>18} blocks\n", name, FormatBytes(amount.bytes),
                      FormatCount(amount.blocks));
}

void AppendSite(std::string& text, const model::Recording& recording,
                const model::StackTree& stacks, const model::SiteStats& site,
                const model::Amount& amount, Bytes total, std::size_t rank) {
  const double percent =
      total == 0 ? 0 : 100.0 * static_cast<double>(amount.bytes) / static_cast<double>(total);
  std::string where(wire::AllocatorName(site.key.allocator));
  if (site.key.thread.value < recording.threads.size()) {
    where += ", " + recording.threads[site.key.thread.value].name;
  }
  if (recording.processes.size() > 1 && site.key.process.value < recording.processes.size()) {
    where += fmt::format(", pid {}", recording.processes[site.key.process.value].pid);
  }
  const std::string head =
      fmt::format("{:>3}  {:>9}  {:>4.1f} %  {:>11} blocks  ", rank, FormatBytes(amount.bytes),
                  percent, FormatCount(amount.blocks));
  text += head + ShortenLeft(where, kTerminalColumns - head.size()) + "\n";
  model::StackId stack = site.key.stack;
  if (stack == model::kUnknownStack) text += "       unknown stack\n";
  if (stack == model::kNoPython) text += "       no Python on this thread\n";
  std::size_t shown = 0;
  for (; stacks.has_frames(stack) && shown < kFramesShown; stack = stacks.parent(stack), ++shown) {
    text += "       " + ShortenLeft(FrameLine(stacks.leaf(stack)), kTerminalColumns - 7) + "\n";
  }
  std::size_t hidden = 0;
  for (; stacks.has_frames(stack); stack = stacks.parent(stack)) ++hidden;
  if (hidden > 0) text += fmt::format("       {} more frames\n", FormatCount(hidden));
  if (stacks.is_truncated(site.key.stack)) text += "       the rest of the stack is unknown\n";
}

}  // namespace

const model::Amount& AmountOf(const model::SiteStats& site, Show show) {
  switch (show) {
    case Show::kLive:
      return site.live;
    case Show::kPeak:
      return site.at_peak;
    case Show::kAllocated:
      return site.allocated;
    case Show::kTemporary:
      return site.temporary;
  }
  return site.live;
}

const model::Amount& TotalOf(const model::Stats& stats, Show show) {
  switch (show) {
    case Show::kLive:
      return stats.live;
    case Show::kPeak:
      return stats.peak;
    case Show::kAllocated:
      return stats.allocated;
    case Show::kTemporary:
      return stats.temporary;
  }
  return stats.live;
}

void SortSites(model::Stats& stats, Show show) {
  std::stable_sort(stats.sites.begin(), stats.sites.end(), [&](const auto& a, const auto& b) {
    return AmountOf(a, show).bytes > AmountOf(b, show).bytes;
  });
}

std::string StatsText(const model::Recording& recording, const model::StackTree& stacks,
                      const model::Stats& stats, Show show, std::size_t top) {
  std::string text = ShortenLeft(recording.command, kTerminalColumns) + "\n";
  text += fmt::format("{} to {} of {}, ended: {}\n\n", FormatSeconds(stats.from),
                      FormatSeconds(stats.to), FormatSeconds(recording.seconds),
                      EscapeName(recording.ended));
  AppendTotal(text, "live at the end", stats.live);
  AppendTotal(text, fmt::format("peak, at {}", FormatSeconds(stats.peak_at)), stats.peak);
  AppendTotal(text, "allocated", stats.allocated);
  AppendTotal(text, "released", stats.released);
  AppendTotal(text, "temporary", stats.temporary);
  if (stats.unknown_releases > 0) {
    text += fmt::format("  {} releases of blocks born before recording\n",
                        FormatCount(stats.unknown_releases));
  }
  if (recording.folded) {
    text += fmt::format("  the first {} are kept as sums of their sites ({})\n",
                        FormatSeconds(recording.folded->until), EscapeName(recording.folded->why));
  }
  const Bytes total = TotalOf(stats, show).bytes;
  text += fmt::format("\nSites by {}:\n", ShowPhrase(show));
  std::size_t rank = 0;
  for (const model::SiteStats& site : stats.sites) {
    const model::Amount& amount = AmountOf(site, show);
    if (rank == top || amount.blocks == 0) break;
    AppendSite(text, recording, stacks, site, amount, total, ++rank);
  }
  if (rank == 0) text += "  none\n";
  if (rank < stats.sites.size()) {
    text += fmt::format("{} of {} sites; --top N shows more, --json all.\n", FormatCount(rank),
                        FormatCount(stats.sites.size()));
  }
  return text;
}

}  // namespace memwhy::report
