// SPDX-License-Identifier: Apache-2.0
#include "gate/judge/attribution.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "analysis/session_diff.h"
#include "model/recording.h"
#include "model/sites/stack_tree.h"

namespace memwhy::gate {
namespace {

constexpr double kShareOfLargest = 0.05;

// One side as the diff of sessions takes it; arenas are told apart by their allocator.
struct DiffInput {
  model::Recording recording;
  model::StackTree stacks;
  std::vector<model::SiteAmount> sites;
};

void Fill(const std::vector<StackSample>& samples, DiffInput* side) {
  side->recording.threads.resize(1);
  side->recording.processes.resize(1);
  for (const StackSample& sample : samples) {
    model::StackId stack = sample.is_truncated ? model::kTruncatedRoot : model::kNoPython;
    // Who asked for an arena is chance: all are one.
    if (sample.is_arena) stack = model::kNoPython;
    for (auto frame = sample.frames.rbegin(); !sample.is_arena && frame != sample.frames.rend();
         ++frame) {
      stack = side->stacks.InternStack(stack, side->stacks.InternFrame(*frame));
    }
    model::SiteAmount site;
    site.key.stack = stack;
    site.key.allocator =
        sample.is_arena ? wire::Allocator::kPymallocArena : wire::Allocator::kMalloc;
    site.value = {RoundToBytes(sample.bytes), RoundToBytes(sample.blocks)};
    side->sites.push_back(site);
  }
}

// Where several lines of a function came together: the one that holds most now.
void NameLine(const std::vector<StackSample>& candidate, model::Frame* leaf) {
  double most = 0;
  if (leaf->line != 0) return;
  for (const StackSample& sample : candidate) {
    if (sample.frames.empty() || sample.bytes <= most) continue;
    const model::Frame& frame = sample.frames.front();
    if (frame.function != leaf->function || frame.file != leaf->file) continue;
    most = sample.bytes;
    leaf->line = frame.line;
  }
}

}  // namespace

std::vector<StackChange> CompareStacks(const std::vector<StackSample>& baseline,
                                       const std::vector<StackSample>& candidate) {
  DiffInput before;
  DiffInput after;
  Fill(baseline, &before);
  Fill(candidate, &after);
  const analysis::SessionDiff diff =
      analysis::DiffSessions({before.recording, before.stacks, before.sites, 0, 0},
                             {after.recording, after.stacks, after.sites, 0, 0});
  // Both sides' sites of a stack come one by one.
  std::map<std::pair<std::uint32_t, bool>, StackChange> sums;
  for (const model::SiteAmount& site : diff.sites) {
    const bool is_arena = site.key.allocator == wire::Allocator::kPymallocArena;
    StackChange& sum = sums[{site.key.stack.value, is_arena}];
    sum.stack.is_arena = is_arena;
    sum.before += static_cast<double>(site.baseline.bytes);
    sum.after += static_cast<double>(site.value.bytes);
    sum.stack.blocks +=
        static_cast<double>(site.value.blocks) - static_cast<double>(site.baseline.blocks);
  }
  std::vector<StackChange> changes;
  for (auto& [key, sum] : sums) {
    sum.stack.bytes = sum.after - sum.before;
    const model::StackId stack{key.first};
    sum.stack.is_truncated = diff.stacks.is_truncated(stack);
    if (diff.stacks.has_frames(stack)) {
      for (const model::FrameId frame : diff.stacks.Frames(stack)) {
        sum.stack.frames.push_back(diff.stacks.frame(frame));
      }
      NameLine(candidate, &sum.stack.frames.front());
    }
    changes.push_back(std::move(sum));
  }
  return changes;
}

std::vector<StackSample> StacksWithMore(const std::vector<StackChange>& changes) {
  std::vector<StackSample> grown;
  for (const StackChange& change : changes) {
    if (change.stack.bytes > 0) grown.push_back(change.stack);
  }
  std::ranges::stable_sort(grown, std::ranges::greater(), &StackSample::bytes);
  // What is far below the largest is what differs between any two runs.
  const double fewest = grown.empty() ? 0 : grown.front().bytes * kShareOfLargest;
  std::erase_if(grown, [&](const StackSample& one) { return one.bytes < fewest; });
  if (grown.size() > kStacksShown) grown.resize(kStacksShown);
  return grown;
}

}  // namespace memwhy::gate
