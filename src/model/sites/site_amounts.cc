// SPDX-License-Identifier: Apache-2.0
#include "model/sites/site_amounts.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace memwhy::model {
namespace {

const std::string& ModuleOf(const StackTree& stacks, StackId stack) {
  static const std::string unknown;
  for (; stacks.has_frames(stack); stack = stacks.parent(stack)) {
    if (!stacks.leaf(stack).module.empty()) return stacks.leaf(stack).module;
  }
  return unknown;
}

}  // namespace

std::vector<SiteGroup> GroupSites(const StackTree& stacks, std::span<const SiteAmount> sites,
                                  GroupBy by) {
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::string>;
  std::map<Key, std::size_t> index;
  std::vector<SiteGroup> groups;
  for (const SiteAmount& site : sites) {
    Key key;
    switch (by) {
      case GroupBy::kStack:
        key = Key(site.key.stack.value, 0, "");
        break;
      case GroupBy::kModule:
        key = Key(0, 0, ModuleOf(stacks, site.key.stack));
        break;
      case GroupBy::kThread:
        key = Key(site.key.process.value, site.key.thread.value, "");
        break;
      case GroupBy::kProcess:
        key = Key(site.key.process.value, 0, "");
        break;
    }
    const auto [it, is_new] = index.try_emplace(key, groups.size());
    if (is_new) {
      groups.emplace_back();
      groups.back().key = site.key;
      groups.back().module = std::get<2>(key);
    }
    SiteGroup& group = groups[it->second];
    group.value += site.value;
    group.baseline += site.baseline;
    ++group.sites;
  }
  std::stable_sort(groups.begin(), groups.end(), [](const SiteGroup& a, const SiteGroup& b) {
    return std::tie(a.value.bytes, a.baseline.bytes) > std::tie(b.value.bytes, b.baseline.bytes);
  });
  return groups;
}

std::vector<StackAmount> SumByStack(std::span<const SiteAmount> sites) {
  std::map<StackId, StackAmount> by_stack;
  for (const SiteAmount& site : sites) {
    StackAmount& amount = by_stack[site.key.stack];
    amount.stack = site.key.stack;
    amount.value += site.value;
    amount.baseline += site.baseline;
  }
  std::vector<StackAmount> amounts;
  amounts.reserve(by_stack.size());
  for (const auto& [stack, amount] : by_stack) amounts.push_back(amount);
  return amounts;
}

InvertedStacks Invert(const StackTree& stacks, std::span<const StackAmount> amounts) {
  InvertedStacks inverted;
  for (const StackAmount& amount : amounts) {
    StackAmount turned = amount;
    if (stacks.has_frames(amount.stack)) {
      turned.stack = kNoPython;
      for (const FrameId frame : stacks.Frames(amount.stack)) {
        turned.stack = inverted.stacks.InternStack(
            turned.stack, inverted.stacks.InternFrame(stacks.frame(frame)));
      }
    }
    inverted.amounts.push_back(turned);
  }
  return inverted;
}

}  // namespace memwhy::model
