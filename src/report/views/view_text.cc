// SPDX-License-Identifier: Apache-2.0
#include "report/views/view_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "base/terminal_text.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

constexpr std::size_t kDeepestStep = 12;

std::string ViewHeadText(const ViewHead& head, const std::string& what) {
  std::string text = ShortenLeft(head.recording.command, kTerminalColumns) + "\n";
  text +=
      fmt::format("{} to {} of {}, ended: {}\n", FormatSeconds(head.from), FormatSeconds(head.to),
                  FormatSeconds(head.recording.seconds), EscapeName(head.recording.ended));
  text += fmt::format("{}, {}: {} in {} blocks", what, ShowPhrase(head.show),
                      FormatBytes(head.value.bytes), FormatCount(head.value.blocks));
  if (head.has_baseline) {
    text += fmt::format(", {} since {}",
                        FormatSignedBytes(Delta(head.baseline.bytes, head.value.bytes)),
                        FormatSeconds(head.from));
  }
  return text + "\n\n";
}

std::string ViewNumbers(const ViewHead& head, const model::Amount& value,
                        const model::Amount& baseline) {
  std::string text = fmt::format("{:>9} {:>8}", FormatBytes(value.bytes),
                                 ShareText(value.bytes, head.value.bytes));
  if (head.has_baseline) {
    text += fmt::format(" {:>10}", FormatSignedBytes(Delta(baseline.bytes, value.bytes)));
  }
  return text;
}

std::string ColumnNames(const ViewHead& head) {
  std::string text = fmt::format("{:>9} {:>8}", "bytes", "share");
  if (head.has_baseline) text += fmt::format(" {:>10}", "change");
  return text;
}

std::string ViewLine(const std::string& left, const std::string& title) {
  return left + ShortenLeft(title, kTerminalColumns - left.size()) + "\n";
}

}  // namespace

std::string TableText(const ViewHead& head, std::span<const model::SiteGroup> groups,
                      model::GroupBy by, std::size_t top) {
  std::string text = ViewHeadText(head, fmt::format("By {}", GroupName(by)));
  text += fmt::format("{} {:>11}  {}\n", ColumnNames(head), "blocks", GroupName(by));
  std::size_t shown = 0;
  model::Amount rest;
  model::Amount rest_baseline;
  for (const model::SiteGroup& group : groups) {
    if (shown >= top) {
      rest += group.value;
      rest_baseline += group.baseline;
      continue;
    }
    ++shown;
    const std::string left =
        fmt::format("{} {:>11}  ", ViewNumbers(head, group.value, group.baseline),
                    FormatCount(group.value.blocks));
    text += ViewLine(left, GroupTitle(head.recording, head.stacks, group, by));
    if (by != model::GroupBy::kStack || !head.stacks.has_frames(group.key.stack)) continue;
    const std::string indent(left.size(), ' ');
    model::StackId stack = head.stacks.parent(group.key.stack);
    for (std::size_t i = 1; head.stacks.has_frames(stack); stack = head.stacks.parent(stack), ++i) {
      if (i == kFramesShown) {
        text += indent + "…\n";
        break;
      }
      text += ViewLine(indent, FrameLine(head.stacks.leaf(stack)));
    }
  }
  if (groups.empty()) text += "  nothing\n";
  if (shown < groups.size()) {
    text += fmt::format("{} {:>11}  in {} more; --top N shows more\n",
                        ViewNumbers(head, rest, rest_baseline), FormatCount(rest.blocks),
                        FormatCount(groups.size() - shown));
  }
  return text;
}

std::string TreeText(const ViewHead& head, const model::CallTree& tree, bool is_inverted) {
  std::string text = ViewHeadText(head, is_inverted ? "From the leaves" : "From the callers");
  text += ColumnNames(head) + "\n";
  std::vector<std::uint32_t> children(tree.nodes.size(), 0);
  for (std::size_t i = 1; i < tree.nodes.size(); ++i) ++children[tree.nodes[i].parent];
  // Depth first, largest sibling first, merged ones last; lines are made when a node is reached.
  std::vector<std::vector<std::uint32_t>> below(tree.nodes.size());
  for (std::uint32_t i = 1; i < tree.nodes.size(); ++i) below[tree.nodes[i].parent].push_back(i);
  std::vector<std::pair<std::uint32_t, std::size_t>> open;  // node, steps to the right
  if (!tree.nodes.empty()) open.emplace_back(0, 0);
  while (!open.empty()) {
    const auto [index, steps] = open.back();
    open.pop_back();
    const model::CallNode& node = tree.nodes[index];
    const std::string indent(2 * std::min(steps, kDeepestStep), ' ');
    text += ViewLine(ViewNumbers(head, node.value, node.baseline) + "  " + indent,
                     NodeTitle(head.stacks, node));
    const bool is_chain = index != 0 && children[index] == 1 &&
                          node.self_value == model::Amount{} &&
                          node.self_baseline == model::Amount{};
    auto& list = below[index];
    std::stable_partition(list.begin(), list.end(), [&](std::uint32_t child) {
      return tree.nodes[child].kind != model::CallKind::kMerged;
    });
    for (auto child = list.rbegin(); child != list.rend(); ++child) {
      open.emplace_back(*child, is_chain ? steps : steps + 1);
    }
  }
  return text;
}

}  // namespace memwhy::report
