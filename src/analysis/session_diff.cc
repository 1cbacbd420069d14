// SPDX-License-Identifier: Apache-2.0
#include "analysis/session_diff.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"

namespace memwhy::analysis {
namespace {

constexpr double kDurationTolerance = 0.2;  // of the longer one
constexpr int kSeveralLines = -1;

// One step of a path in both recordings.
struct Step {
  std::uint32_t parent = 0;
  model::Frame frame;
  std::array<int, 2> line = {0, 0};  // of baseline and candidate: 0 not seen, or kSeveralLines
};

class Join {
 public:
  Join() : steps_(3) {}  // kNoPython, kUnknownStack, kTruncatedRoot

  // `side` is 0 for the baseline, 1 for the candidate.
  void Add(const DiffSide& from, std::size_t side) {
    std::unordered_map<std::uint32_t, std::uint32_t> known;  // stack -> step
    for (const model::SiteAmount& site : from.sites) {
      Placed placed;
      placed.step = StepOf(from.stacks, site.key.stack, side, known);
      const std::size_t thread = site.key.thread.value;
      const auto& threads = from.recording.threads;
      placed.site.key.thread = ThreadOf(thread < threads.size() ? threads[thread].name : "");
      placed.site.key.allocator = site.key.allocator;
      (side == 0 ? placed.site.baseline : placed.site.value) = site.value;
      placed_.push_back(placed);
    }
  }

  void Finish(SessionDiff& diff) {
    std::vector<model::StackId> stacks = {model::kNoPython, model::kUnknownStack,
                                          model::kTruncatedRoot};
    for (std::size_t i = 3; i < steps_.size(); ++i) {
      Step& step = steps_[i];
      const int line = step.line[1] != 0 ? step.line[1] : step.line[0];
      step.frame.line = std::max(line, 0);
      stacks.push_back(
          diff.stacks.InternStack(stacks[step.parent], diff.stacks.InternFrame(step.frame)));
    }
    for (Placed& placed : placed_) {
      placed.site.key.stack = stacks[placed.step];
      diff.sites.push_back(placed.site);
    }
    diff.threads = std::move(threads_);
  }

 private:
  using Key = std::tuple<std::uint32_t, std::string, std::string, std::string, model::Language>;
  struct Placed {
    model::SiteAmount site;
    std::uint32_t step = 0;
  };

  // "<string>" and the like are shared by many modules; a real file has one, which is not always
  // known, and is __main__ when it is the program.
  static Key KeyOf(std::uint32_t parent, const model::Frame& frame) {
    const bool names_one_file = !frame.file.empty() && frame.file.front() != '<';
    return Key(parent, frame.function, names_one_file ? "" : frame.module, frame.file,
               frame.language);
  }

  std::uint32_t StepOf(const model::StackTree& stacks, model::StackId stack, std::size_t side,
                       std::unordered_map<std::uint32_t, std::uint32_t>& known) {
    std::vector<model::StackId> missing;  // leaf first
    std::uint32_t step = 0;
    for (;; stack = stacks.parent(stack)) {
      if (!stacks.has_frames(stack)) {
        step = stack.value;
        break;
      }
      if (const auto it = known.find(stack.value); it != known.end()) {
        step = it->second;
        break;
      }
      missing.push_back(stack);
    }
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
      step = Child(step, stacks.leaf(*it), side);
      known.emplace(it->value, step);
    }
    return step;
  }

  std::uint32_t Child(std::uint32_t parent, const model::Frame& frame, std::size_t side) {
    const auto [it, is_new] =
        index_.try_emplace(KeyOf(parent, frame), static_cast<std::uint32_t>(steps_.size()));
    if (is_new) steps_.push_back(Step{parent, frame, {}});
    Step& step = steps_[it->second];
    if (side == 1 && !frame.module.empty()) step.frame.module = frame.module;
    int& line = step.line[side];
    if (line == 0) {
      line = frame.line;
    } else if (line != frame.line) {
      line = kSeveralLines;
    }
    return it->second;
  }

  model::ThreadId ThreadOf(const std::string& name) {
    const auto [it, is_new] =
        thread_index_.try_emplace(name, static_cast<std::uint32_t>(threads_.size()));
    if (is_new) {
      threads_.emplace_back();
      threads_.back().name = name;
    }
    return model::ThreadId{it->second};
  }

  std::vector<Step> steps_;  // parents first
  std::map<Key, std::uint32_t> index_;
  std::vector<Placed> placed_;
  std::vector<model::Thread> threads_;
  std::map<std::string, std::uint32_t> thread_index_;
};

std::string PythonOf(const model::Recording& recording) {
  if (recording.processes.empty() || recording.processes.front().python.empty()) return "unknown";
  return recording.processes.front().python;
}

bool HasObjects(const DiffSide& side) {
  return std::any_of(side.sites.begin(), side.sites.end(), [](const model::SiteAmount& site) {
    const auto allocator = site.key.allocator;
    return allocator == wire::Allocator::kPymemRaw || allocator == wire::Allocator::kPymemMem ||
           allocator == wire::Allocator::kPymemObj;
  });
}

const char* ObjectsText(bool has_objects) { return has_objects ? "with" : "without"; }

}  // namespace

SessionDiff DiffSessions(const DiffSide& baseline, const DiffSide& candidate) {
  SessionDiff diff;
  Join join;
  join.Add(baseline, 0);
  join.Add(candidate, 1);
  join.Finish(diff);

  const auto warn = [&](const char* kind, std::string text) {
    diff.warnings.push_back({kind, std::move(text)});
  };
  const double before = baseline.to - baseline.from;
  const double after = candidate.to - candidate.from;
  if (std::abs(after - before) > kDurationTolerance * std::max(before, after)) {
    warn("duration", fmt::format("the baseline covers {}, the candidate {}: choose --from and --to",
                                 FormatSeconds(before), FormatSeconds(after)));
  }
  const std::string python_before = PythonOf(baseline.recording);
  const std::string python_after = PythonOf(candidate.recording);
  if (python_before != python_after) {
    warn("python", fmt::format("Python {} in the baseline, {} in the candidate", python_before,
                               python_after));
  }
  if (baseline.recording.mode != candidate.recording.mode) {
    warn("mode", fmt::format("the baseline was recorded by {}, the candidate by {}",
                             baseline.recording.mode, candidate.recording.mode));
  }
  if (HasObjects(baseline) != HasObjects(candidate)) {
    warn("objects",
         fmt::format("the baseline was recorded {} Python's objects, the candidate {}",
                     ObjectsText(HasObjects(baseline)), ObjectsText(HasObjects(candidate))));
  }
  for (const auto& [name, side] :
       {std::pair<const char*, const DiffSide&>("baseline", baseline),
        std::pair<const char*, const DiffSide&>("candidate", candidate)}) {
    const model::Recording& recording = side.recording;
    if (recording.lost_events > 0) {
      warn("lost_events", fmt::format("the {} lost {} events: its numbers are lower bounds", name,
                                      FormatCount(recording.lost_events)));
    }
    if (!recording.damage.empty()) {
      warn("damage", fmt::format("the {} is damaged: {}", name, recording.damage));
    }
  }
  return diff;
}

}  // namespace memwhy::analysis
