// SPDX-License-Identifier: Apache-2.0
#include "gate/measure/session_numbers.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include "base/terminal_text.h"
#include "gate/judge/statistics.h"
#include "gate/measure/run_end.h"
#include "model/live/live_set.h"
#include "model/sites/stats.h"

namespace memwhy::gate {
namespace {

constexpr double kShortestUnmarked_s = 2;  // below, imports and the end are most of the run
constexpr std::size_t kFrameBytes = 300;

bool IsPython(wire::Allocator allocator) {
  return allocator == wire::Allocator::kPymemRaw || allocator == wire::Allocator::kPymemMem ||
         allocator == wire::Allocator::kPymemObj;
}

// The least value of a step function in each part.
class PartFloor {
 public:
  void Set(std::size_t part, double value) {
    Advance(part);
    value_ = value;
    floor_[part_] = std::min(floor_[part_], value);
  }
  void Start(double value) {
    value_ = value;
    part_ = 0;
    floor_.fill(value);
  }
  std::array<double, kGrowthParts> Finish() {
    Advance(kGrowthParts - 1);
    return floor_;
  }
  double value() const { return value_; }

 private:
  void Advance(std::size_t part) {
    while (part_ < part) floor_[++part_] = value_;
  }
  std::array<double, kGrowthParts> floor_{};
  std::size_t part_ = 0;
  double value_ = 0;
};

struct Row {
  model::StackId stack;
  bool is_arena = false;
  PartFloor bytes;
  PartFloor blocks;
};

// `edges`: kGrowthParts + 1 instants, rising.
class PartsVisitor : public model::EventVisitor {
 public:
  PartsVisitor(Blocks which, std::vector<double> edges, std::size_t processes)
      : which_(which), edges_(std::move(edges)), processes_(processes) {}

  void OnAcquire(const model::Acquire& event) override {
    if ((which_ == Blocks::kPython) != IsPython(event.allocator)) return;
    if (!Enter(event.time) || (event.is_mapping && event.size == 0)) return;
    const std::uint32_t row =
        RowOf(event.stack, event.allocator == wire::Allocator::kPymallocArena);
    model::LiveSet& set = Live(event.process);
    if (event.is_mapping) {
      Lose(set.mappings.Acquire(event.address, event.size, row));
    } else if (const auto old = set.blocks.Insert(event.address, model::Block{event.size, row})) {
      Change(old->row, -static_cast<double>(old->size), -1);
    }
    Change(row, static_cast<double>(event.size), 1);
  }

  void OnRelease(double time, model::ProcessId process, model::ThreadId,
                 std::uint64_t address) override {
    if (!Enter(time)) return;
    if (const auto block = Live(process).blocks.Erase(address)) {
      Change(block->row, -static_cast<double>(block->size), -1);
    }
  }

  void OnUnmap(double time, model::ProcessId process, model::ThreadId, std::uint64_t address,
               std::uint64_t size) override {
    if (Enter(time)) Lose(Live(process).mappings.Unmap(address, size));
  }

  void OnFork(double time, model::ProcessId parent, model::ProcessId child) override {
    if (!Enter(time)) return;
    Live(std::max(parent, child));  // makes room for both before references are taken
    model::LiveSet& set = Live(child);
    set = Live(parent);
    AddAll(set, 1);
  }

  void OnProcessEnd(double time, model::ProcessId process) override {
    if (!Enter(time) || ++ended_ >= processes_) return;
    model::LiveSet& set = Live(process);
    AddAll(set, -1);
    set.Clear();
  }

  std::vector<Row>& Finish() {
    if (!in_parts_) StartParts();
    return rows_;
  }
  PartFloor& bytes() { return bytes_; }
  PartFloor& blocks() { return blocks_; }

 private:
  // False for events after the last part.
  bool Enter(double time) {
    if (time > edges_.back()) return false;
    if (!in_parts_ && time >= edges_.front()) StartParts();
    while (part_ + 2 < edges_.size() && time > edges_[part_ + 1]) ++part_;
    return true;
  }

  void StartParts() {
    in_parts_ = true;
    bytes_.Start(bytes_.value());
    blocks_.Start(blocks_.value());
    for (Row& row : rows_) {
      row.bytes.Start(row.bytes.value());
      row.blocks.Start(row.blocks.value());
    }
  }

  model::LiveSet& Live(model::ProcessId process) {
    if (process.value >= live_.size()) live_.resize(process.value + 1);
    return live_[process.value];
  }

  std::uint32_t RowOf(model::StackId stack, bool is_arena) {
    if (is_arena) stack = model::kNoPython;  // who asked for it is chance
    const std::uint64_t key = std::uint64_t{stack.value} << 1 | (is_arena ? 1u : 0u);
    const auto [it, is_new] = index_.try_emplace(key, static_cast<std::uint32_t>(rows_.size()));
    if (is_new) rows_.push_back({stack, is_arena, {}, {}});
    return it->second;
  }

  void Change(std::uint32_t number, double bytes, double blocks) {
    Row& row = rows_[number];
    const std::size_t part = in_parts_ ? part_ : 0;
    row.bytes.Set(part, row.bytes.value() + bytes);
    row.blocks.Set(part, row.blocks.value() + blocks);
    bytes_.Set(part, bytes_.value() + bytes);
    blocks_.Set(part, blocks_.value() + blocks);
  }

  void Lose(const std::vector<model::MappingSet::Loss>& losses) {
    for (const auto& loss : losses) {
      Change(loss.row, -static_cast<double>(loss.bytes), loss.is_last ? -1 : 0);
    }
  }

  void AddAll(const model::LiveSet& set, double sign) {
    set.blocks.ForEach([&](std::uint64_t, const model::Block& block) {
      Change(block.row, sign * static_cast<double>(block.size), sign);
    });
    for (const auto& piece : set.mappings.Pieces()) {
      Change(piece.row, sign * static_cast<double>(piece.size), 0);
    }
    set.mappings.ForEachMapping([&](std::uint32_t row) { Change(row, 0, sign); });
  }

  const Blocks which_;
  const std::vector<double> edges_;
  const std::size_t processes_;
  std::size_t ended_ = 0;
  bool in_parts_ = false;
  std::size_t part_ = 0;
  PartFloor bytes_;
  PartFloor blocks_;
  std::vector<Row> rows_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
  std::vector<model::LiveSet> live_;
};

struct Parts {
  std::vector<double> edges;
  double operations = 0;
  std::string trouble;  // "" or why growth cannot be told
};

// Parts of equally many operations, between marks.
Result<Parts> PartsByMarks(const model::Recording& recording, const OperationWindow& window) {
  double total = 0;
  for (const model::Mark& mark : recording.marks) {
    if (mark.name == window.mark) total += static_cast<double>(mark.count);
  }
  const double wanted = window.warm_up + window.operations.value_or(1);
  if (total < wanted) {
    return Error(
        fmt::format("it marked {:.0f} operations \"{}\", {:.0f} are needed (warm_up and "
                    "operations of the workload); does it call memwhy.mark?",
                    total, window.mark, wanted));
  }
  Parts parts;
  parts.operations = window.operations.value_or(total - window.warm_up);
  if (parts.operations < kGrowthParts) parts.trouble = "it has too few operations";
  double done = 0;
  double time = 0;
  for (const model::Mark& mark : recording.marks) {
    if (mark.name != window.mark) continue;
    done += static_cast<double>(mark.count);
    time = mark.time;
    while (parts.edges.size() <= kGrowthParts &&
           done >= window.warm_up +
                       parts.operations * static_cast<double>(parts.edges.size()) / kGrowthParts) {
      parts.edges.push_back(time);
    }
  }
  while (parts.edges.size() <= kGrowthParts) parts.edges.push_back(time);
  return parts;
}

Parts PartsByTime(const model::Recording& recording, const OperationWindow& window) {
  const double end = EndOfWork(recording.seconds);
  const double operations = window.operations.value_or(0);
  const double share = window.warm_up > 0 && operations > 0
                           ? window.warm_up / (window.warm_up + operations)
                           : 1.0 / 3;
  const double from = std::max(0.0, std::min(end, recording.seconds * share));
  Parts parts;
  if (recording.seconds < kShortestUnmarked_s) {
    parts.trouble = fmt::format("it ran for {:.1f} s: without marks {:.0f} s are needed",
                                recording.seconds, kShortestUnmarked_s);
  }
  parts.operations = (window.warm_up + operations) * (end - from) / recording.seconds;
  for (std::size_t i = 0; i <= kGrowthParts; ++i) {
    parts.edges.push_back(from + (end - from) * static_cast<double>(i) / kGrowthParts);
  }
  return parts;
}

GrowthRun RunOf(PartFloor* floor, const Parts& parts) {
  GrowthRun run;
  for (const double value : floor->Finish()) run.floors.push_back(value);
  run.seconds = parts.edges.back() - parts.edges.front();
  run.operations = parts.operations;
  run.trouble = parts.trouble;
  return run;
}

StackSample SampleOf(const model::StackTree& stacks, model::StackId stack) {
  StackSample sample;
  sample.is_truncated = stacks.is_truncated(stack);
  if (stacks.has_frames(stack)) {
    for (const model::FrameId frame : stacks.Frames(stack)) {
      model::Frame& added = sample.frames.emplace_back(stacks.frame(frame));
      // A baseline is a file that people review.
      for (std::string* text : {&added.function, &added.module, &added.file}) {
        *text = std::string(CutBytes(*text, kFrameBytes));
      }
    }
  }
  return sample;
}

void KeepLargest(std::vector<StackSample>* samples) {
  std::ranges::stable_sort(*samples, [](const StackSample& a, const StackSample& b) {
    return std::pair(a.bytes, a.blocks) > std::pair(b.bytes, b.blocks);
  });
  if (samples->size() > kStacksKept) samples->resize(kStacksKept);
}

void AddPeak(const model::Stats& stats, const model::StackTree& stacks, Blocks which,
             BlockNumbers* numbers) {
  struct Sum {
    double bytes = 0;
    double blocks = 0;
    bool is_arena = false;
  };
  std::unordered_map<std::uint64_t, Sum> sums;
  for (const model::SiteStats& site : stats.sites) {
    if ((which == Blocks::kPython) != IsPython(site.key.allocator)) continue;
    numbers->allocated_bytes += static_cast<double>(site.allocated.bytes);
    const bool is_arena = site.key.allocator == wire::Allocator::kPymallocArena;
    const model::StackId stack = is_arena ? model::kNoPython : site.key.stack;
    Sum& sum = sums[std::uint64_t{stack.value} << 1 | (is_arena ? 1u : 0u)];
    sum.bytes += static_cast<double>(site.at_peak.bytes);
    sum.blocks += static_cast<double>(site.at_peak.blocks);
    sum.is_arena = is_arena;
    numbers->peak_bytes += static_cast<double>(site.at_peak.bytes);
  }
  for (const auto& [key, sum] : sums) {
    if (sum.bytes <= 0) continue;
    StackSample sample = SampleOf(stacks, model::StackId{static_cast<std::uint32_t>(key >> 1)});
    sample.bytes = sum.bytes;
    sample.blocks = sum.blocks;
    sample.is_arena = sum.is_arena;
    numbers->peak.push_back(std::move(sample));
  }
  KeepLargest(&numbers->peak);
}

}  // namespace

Result<BlockNumbers> ReadBlockNumbers(const model::EventSource& source, Blocks which,
                                      const OperationWindow& window) {
  MEMWHY_TRY(const model::Stats stats, model::ComputeStats(source, {}));
  const model::Recording& recording = source.recording();
  if (!recording.damage.empty()) return Error("its recording is damaged: " + recording.damage);
  if (recording.lost_events > 0) {
    return Error(fmt::format("its recording lost {} events", recording.lost_events));
  }
  BlockNumbers numbers;
  AddPeak(stats, source.stacks(), which, &numbers);
  Parts parts;
  if (window.mark.empty()) {
    parts = PartsByTime(recording, window);
  } else {
    MEMWHY_TRY(parts, PartsByMarks(recording, window));
  }
  PartsVisitor visitor(which, parts.edges, recording.processes.size());
  MEMWHY_TRY_VOID(source.Replay(visitor));
  std::vector<Row>& rows = visitor.Finish();
  numbers.bytes = RunOf(&visitor.bytes(), parts);
  numbers.blocks = RunOf(&visitor.blocks(), parts);
  numbers.live_bytes = numbers.bytes.floors.back();
  numbers.live_blocks = numbers.blocks.floors.back();
  for (Row& row : rows) {
    const ExactGrowth bytes = JudgeExactGrowth(row.bytes.Finish());
    const ExactGrowth blocks = JudgeExactGrowth(row.blocks.Finish());
    if (!bytes.is_growing && !blocks.is_growing) continue;
    StackSample sample = SampleOf(source.stacks(), row.stack);
    sample.is_arena = row.is_arena;
    sample.bytes = bytes.net;
    sample.blocks = blocks.net;
    numbers.growing.push_back(std::move(sample));
  }
  KeepLargest(&numbers.growing);
  return numbers;
}

}  // namespace memwhy::gate
