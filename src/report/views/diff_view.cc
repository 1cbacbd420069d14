// SPDX-License-Identifier: Apache-2.0
#include "report/views/diff_view.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string_view>
#include <utility>

#include "base/terminal_text.h"
#include "report/views/columns.h"
#include "report/views/view_json.h"

namespace memwhy::report {
namespace {

constexpr std::size_t kDiffViewFramesShown = 3;

Json DeltaJson(const model::Amount& baseline, const model::Amount& value) {
  return {{"bytes", Delta(baseline.bytes, value.bytes)},
          {"blocks", Delta(baseline.blocks, value.blocks)}};
}

Json PercentJson(const model::Amount& baseline, const model::Amount& value) {
  if (baseline.bytes == 0) return nullptr;
  return 100.0 * static_cast<double>(Delta(baseline.bytes, value.bytes)) /
         static_cast<double>(baseline.bytes);
}

Json ChangeJson(const model::Amount& baseline, const model::Amount& value) {
  Json json;
  json["delta"] = DeltaJson(baseline, value);
  json["percent"] = PercentJson(baseline, value);
  json["change"] = ChangeKind(baseline, value);
  return json;
}

Json DiffHead(const DiffView& view) {
  Json json;
  json["schema"] = "memwhy.diff/1";
  json["session"] = SessionJson(view.candidate.recording);
  json["baseline_session"] = SessionJson(view.baseline.recording);
  json["range"] = {{"from", view.candidate.from}, {"to", view.candidate.to}};
  json["baseline_range"] = {{"from", view.baseline.from}, {"to", view.baseline.to}};
  json["show"] = ShowName(view.show);
  json["by"] = GroupName(view.by);
  json["comparable"] = view.diff.warnings.empty();
  json["warnings"] = Json::array();
  for (const analysis::DiffWarning& warning : view.diff.warnings) {
    json["warnings"].push_back({{"kind", warning.kind}, {"text", warning.text}});
  }
  Json totals = Json::object();
  AddAmounts(totals, view.candidate.total, view.baseline.total, /*has_baseline=*/true);
  totals.update(ChangeJson(view.baseline.total, view.candidate.total));
  json["totals"] = std::move(totals);
  return json;
}

struct Rest {
  std::size_t rows = 0;
  model::Amount value;
  model::Amount baseline;
};

Rest RestBehind(const DiffView& view, std::size_t top) {
  Rest rest;
  for (std::size_t i = top; i < view.groups.size(); ++i) {
    ++rest.rows;
    rest.value += view.groups[i].value;
    rest.baseline += view.groups[i].baseline;
  }
  return rest;
}

std::string SideText(const char* name, const DiffSideInfo& side) {
  std::string text = fmt::format("{:<10} {}\n", name, ShortenLeft(side.recording.command, 69));
  text += fmt::format("{:<10} {} to {} of {}, ended: {}\n", "", FormatSeconds(side.from),
                      FormatSeconds(side.to), FormatSeconds(side.recording.seconds),
                      EscapeName(side.recording.ended));
  return text;
}

std::string DiffNumbers(const model::Amount& baseline, const model::Amount& value) {
  return fmt::format(
      "{:>9} {:>9} {:>10} {:>10}", FormatBytes(baseline.bytes), FormatBytes(value.bytes),
      FormatSignedBytes(Delta(baseline.bytes, value.bytes)), ChangeText(baseline, value));
}

}  // namespace

const char* ChangeKind(const model::Amount& baseline, const model::Amount& value) {
  if (baseline == model::Amount{} && value != model::Amount{}) return "new";
  if (value == model::Amount{} && baseline != model::Amount{}) return "gone";
  if (value.bytes == baseline.bytes) return "same";
  return value.bytes > baseline.bytes ? "grown" : "shrunk";
}

void SortByChange(std::vector<model::SiteGroup>& groups) {
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return std::abs(Delta(a.baseline.bytes, a.value.bytes)) >
           std::abs(Delta(b.baseline.bytes, b.value.bytes));
  });
}

model::Recording JoinedRecording(const DiffView& view) {
  model::Recording joined;
  joined.threads = view.diff.threads;
  return joined;
}

void WriteDiffJson(const DiffView& view, std::size_t top, const Sink& sink) {
  Json json = DiffHead(view);
  const Rest rest = RestBehind(view, top);
  Json rest_json = {{"rows", rest.rows}};
  AddAmounts(rest_json, rest.value, rest.baseline, /*has_baseline=*/true);
  json["rest"] = std::move(rest_json);
  AddNodes(json, view.diff.stacks, view.tree, /*has_baseline=*/true);
  std::string text = DumpJson(json);
  text.pop_back();  // the closing brace
  sink(text + ",\"rows\":[");
  const model::Recording joined = JoinedRecording(view);
  RowWriter writer(joined, view.diff.stacks, view.by, /*has_baseline=*/true);
  const std::size_t count = std::min(top, view.groups.size());
  for (std::size_t i = 0; i < count; ++i) {
    const model::SiteGroup& group = view.groups[i];
    if (i > 0) sink(",\n");
    sink(writer.Text(group, ChangeJson(group.baseline, group.value)));
  }
  sink("]}\n");
}

std::string DiffText(const DiffView& view, std::size_t top) {
  const model::StackTree& stacks = view.diff.stacks;
  std::string text = SideText("baseline", view.baseline) + SideText("candidate", view.candidate);
  text += fmt::format("\nBy {}, {}\n", GroupName(view.by), ShowPhrase(view.show));
  text += fmt::format("{:>9} {:>9} {:>10} {:>10}\n", "before", "after", "change", "%");
  text += DiffNumbers(view.baseline.total, view.candidate.total) + "  all allocations\n\n";
  const model::Recording joined = JoinedRecording(view);
  std::size_t shown = 0;
  for (const model::SiteGroup& group : view.groups) {
    if (shown == top || group.baseline == group.value) break;
    ++shown;
    const std::string left = DiffNumbers(group.baseline, group.value) + "  ";
    const std::size_t room = kTerminalColumns - left.size();
    text += left + ShortenLeft(GroupTitle(joined, stacks, group, view.by), room) + "\n";
    if (view.by != model::GroupBy::kStack || !stacks.has_frames(group.key.stack)) continue;
    model::StackId stack = stacks.parent(group.key.stack);
    for (std::size_t i = 1; i < kDiffViewFramesShown && stacks.has_frames(stack);
         stack = stacks.parent(stack), ++i) {
      text += std::string(left.size(), ' ') + ShortenLeft(FrameLine(stacks.leaf(stack)), room);
      text += '\n';
    }
  }
  if (shown == 0) text += "  nothing changed\n";
  const Rest rest = RestBehind(view, shown);
  if (rest.rows > 0) {
    text += DiffNumbers(rest.baseline, rest.value) +
            fmt::format("  in {} more; --top N shows more\n", FormatCount(rest.rows));
  }
  return text;
}

}  // namespace memwhy::report
