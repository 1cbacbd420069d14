// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/held_groups.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/strings.h"

namespace memwhy::analysis {
namespace {

// Below them lie the parts of one loaded thing, which differ from load to load.
constexpr std::size_t kStepsThatTell = 5;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string GeneralPath(const HeapPath& path) {
  std::string out;
  std::size_t told = 0;
  for (const std::string& step : path.steps) {
    if (told++ == kStepsThatTell) return out + " ...";
    std::string general = GeneralStep(step);
    // "module app", ".CACHE": the text of a path leaves the word out.
    if (told == 1 && StartsWith(general, "module ")) general.erase(0, 7);
    out += general;
  }
  return out;
}

}  // namespace

std::string GeneralStep(const std::string& step) {
  if (step.empty() || step.front() != '[') return step;
  std::string out;
  for (std::size_t at = 0; at < step.size(); ++at) {
    if (!IsDigit(step[at])) {
      out += step[at];
      continue;
    }
    while (at + 1 < step.size() && IsDigit(step[at + 1])) ++at;
    out += '*';
  }
  return out;
}

HeldObjects GroupByPath(const model::ObjectGraph& graph, const HeapPaths& paths,
                        std::span<const std::uint64_t> addresses) {
  HeldObjects out;
  std::map<std::string, HeldGroup> groups;
  for (const std::uint64_t address : addresses) {
    const model::ObjectGraph::Node node = graph.Find(address);
    if (node == model::ObjectGraph::kNone) {
      ++out.not_in_dump;
      continue;
    }
    const HeapPath path = paths.To(node);
    const bool is_reached = path.root != model::ObjectGraph::kNone;
    std::string text = is_reached ? GeneralPath(path) : "";
    HeldGroup& group = groups[text];
    group.is_invisible_to_gc =
        path.is_invisible_to_gc && (group.count == 0 || group.is_invisible_to_gc);
    ++group.count;
    group.path = std::move(text);
  }
  for (auto& [_, group] : groups) out.groups.push_back(std::move(group));
  std::sort(out.groups.begin(), out.groups.end(), [](const HeldGroup& a, const HeldGroup& b) {
    return a.count != b.count ? a.count > b.count : a.path < b.path;
  });
  return out;
}

}  // namespace memwhy::analysis
