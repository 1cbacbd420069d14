// SPDX-License-Identifier: Apache-2.0
#include "model/sites/window_view.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "model/live/live_set.h"
#include "model/sites/bin_floor.h"
#include "model/sites/birth_log.h"
#include "model/sites/growth_by_size.h"

namespace memwhy::model {
namespace {

constexpr double kInherited = -std::numeric_limits<double>::infinity();  // never a survivor

struct Row {
  StackGrowth growth;
  Bytes live = 0;
  SizeSum sizes_at_from;
  SizeSum sizes_at_to;
  BinFloor floor;
  std::map<std::uint32_t, Bytes> enlarged;  // of resized ones, in the window: by stack
  std::array<Bytes, wire::kAllocatorCount + 1> survivors_by_allocator{};
};

struct RowKey {
  ProcessId process;
  StackId stack;
  bool is_arena;
  bool is_resized;
  friend bool operator==(const RowKey&, const RowKey&) = default;
};

struct RowKeyHash {
  std::size_t operator()(const RowKey& key) const {
    const std::uint64_t both = std::uint64_t{key.process.value} << 34 |
                               std::uint64_t{key.stack.value} << 2 | (key.is_resized ? 2u : 0u) |
                               (key.is_arena ? 1u : 0u);
    return static_cast<std::size_t>(both * 0x9e3779b97f4a7c15u >> 7);
  }
};

// What a birth's row names: the row, and the allocator beside it in the low bits.
constexpr std::uint32_t kAllocatorBits = 5;

bool IsResizing(wire::Allocator allocator) {
  return allocator == wire::Allocator::kRealloc || allocator == wire::Allocator::kReallocarray ||
         allocator == wire::Allocator::kMremap;
}

// A block while its realloc runs.
struct Moving {
  std::uint32_t row;
  Bytes bytes;
};

struct Survivor {
  std::uint32_t row;
  double born;
  std::uint64_t address;
  std::uint64_t size;
};

class WindowVisitor : public EventVisitor {
 public:
  WindowVisitor(const WindowOptions& options, std::size_t processes)
      : options_(options), scale_(options.from, options.to, options.bins), processes_(processes) {}

  void OnAcquire(const Acquire& event) override {
    if (!Enter(event.time)) return;
    const auto moving = IsResizing(event.allocator) ? TakeMoving(event.thread) : std::nullopt;
    if (!moving) EndMoving(event.thread);
    if (event.is_mapping && event.size == 0) return;
    const std::uint32_t row = RowFor(event, moving);
    const std::uint32_t record = births_.Add({event.time, Pack(row, event.allocator)});
    LiveSet& set = Live(event.process);
    if (event.is_mapping) {
      Lose(set.mappings.Acquire(event.address, event.size, record));
    } else if (const auto old = set.blocks.Insert(event.address, Block{event.size, record})) {
      LoseBlock(*old);
    }
    if (moving) {
      Move(*moving, row, event);
    } else {
      Change(row, event.size, 0);
    }
    if (in_window_) {
      rows_[row].growth.allocated += event.size;
      ++rows_[row].growth.allocations;
    }
  }

  // Born in the folded part of the session, so before the window.
  void OnHeld(const Held& held) override {
    Acquire block = held.acquire;
    block.time = 0;
    OnAcquire(block);
  }

  // The block is there until its successor is.
  void OnReallocBegin(double time, ProcessId process, ThreadId thread,
                      std::uint64_t address) override {
    if (!Enter(time)) return;
    EndMoving(thread);
    if (const auto block = Live(process).blocks.Erase(address)) {
      moving_[thread.value] = {RowIn(births_[block->row].row), block->size};
      births_.Remove(block->row);
    }
  }

  void OnRemapBegin(double time, ProcessId process, ThreadId thread, std::uint64_t address,
                    std::uint64_t size) override {
    if (!Enter(time)) return;
    EndMoving(thread);
    const auto losses = Live(process).mappings.Unmap(address, size);
    if (losses.size() == 1) {
      const MappingSet::Loss& loss = losses.front();
      moving_[thread.value] = {RowIn(births_[loss.row].row), loss.bytes};
      if (loss.is_last) births_.Remove(loss.row);
    } else {
      Lose(losses);
    }
  }

  void OnRelease(double time, ProcessId process, ThreadId thread, std::uint64_t address) override {
    if (!Enter(time)) return;
    EndMoving(thread);
    if (const auto block = Live(process).blocks.Erase(address)) LoseBlock(*block);
  }

  void OnUnmap(double time, ProcessId process, ThreadId, std::uint64_t address,
               std::uint64_t size) override {
    if (Enter(time)) Lose(Live(process).mappings.Unmap(address, size));
  }

  void OnFork(double time, ProcessId parent, ProcessId child) override {
    if (!Enter(time)) return;
    Live(std::max(parent, child));  // makes room for both before references are taken
    LiveSet& set = Live(child);
    set = Live(parent);
    set.TranslateRows([&](std::uint32_t record) {
      const std::uint32_t packed = births_[record].row;
      const StackGrowth& of = rows_[RowIn(packed)].growth;
      const std::uint32_t row = RowOf(RowKey{child, of.first_stack, of.is_arena, of.is_resized});
      return births_.Add({kInherited, Pack(row, AllocatorIn(packed))});
    });
    set.blocks.ForEach([&](std::uint64_t, const Block& block) {
      Change(RowIn(births_[block.row].row), block.size, 0);
    });
    for (const auto& piece : set.mappings.Pieces()) {
      Change(RowIn(births_[piece.row].row), piece.size, 0);
    }
  }

  void OnProcessEnd(double time, ProcessId process) override {
    if (!Enter(time) || ++ended_ >= processes_) return;
    LiveSet& set = Live(process);
    set.blocks.ForEach([&](std::uint64_t, const Block& block) { LoseBlock(block); });
    for (const auto& piece : set.mappings.Pieces()) {
      Change(RowIn(births_[piece.row].row), 0, piece.size);
    }
    set.mappings.ForEachMapping([&](std::uint32_t record) { births_.Remove(record); });
    set.Clear();
  }

  void OnMark(double time, ProcessId, std::string_view name, std::uint64_t count) override {
    if (!Enter(time) || !in_window_) return;
    auto it = marks_.find(name);
    if (it == marks_.end()) {
      it = marks_.emplace(std::string(name), std::vector<std::uint64_t>(scale_.bins())).first;
    }
    it->second[scale_.BinOf(time)] += count;
  }

  WindowView Finish() {
    if (!in_window_) StartWindow();
    WindowView view;
    view.options = options_;
    view.floor = total_floor_.Finish();
    view.live_at_from = live_at_from_;
    view.live_at_to = total_;
    CountOperations(view);
    CollectSurvivors();
    SumSizes(&Row::sizes_at_to);
    for (Row& row : rows_) {
      StackGrowth& growth = row.growth;
      growth.live_at_to = row.live;
      if (growth.live_at_from == 0 && row.live == 0 && growth.allocations == 0) continue;
      if (!row.floor.is_started()) row.floor.Start(scale_.bins(), row.live);
      growth.floor = row.floor.Finish();
      JudgeSize(row);
      if (growth.survivors_by_birth.empty()) growth.survivors_by_birth.resize(scale_.bins());
    }
    KeepLargestBlocks();
    for (Row& row : rows_) {
      if (row.growth.floor.empty()) continue;
      view.stacks.push_back(std::move(row.growth));
    }
    std::stable_sort(view.stacks.begin(), view.stacks.end(),
                     [](const StackGrowth& a, const StackGrowth& b) {
                       return std::pair(std::max(a.survivor_bytes, a.grown_by_size), a.live_at_to) >
                              std::pair(std::max(b.survivor_bytes, b.grown_by_size), b.live_at_to);
                     });
    return view;
  }

 private:
  // False for events behind the window.
  bool Enter(double time) {
    if (time > options_.to) return false;
    time_ = time;
    if (!in_window_ && time >= options_.from) StartWindow();
    return true;
  }

  void StartWindow() {
    in_window_ = true;
    live_at_from_ = total_;
    total_floor_.Start(scale_.bins(), total_);
    for (Row& row : rows_) row.growth.live_at_from = row.live;
    SumSizes(&Row::sizes_at_from);
  }

  LiveSet& Live(ProcessId process) {
    if (process.value >= live_.size()) live_.resize(process.value + 1);
    return live_[process.value];
  }

  std::uint32_t RowOf(const RowKey& key) {
    const auto [it, is_new] = index_.try_emplace(key, static_cast<std::uint32_t>(rows_.size()));
    if (is_new) {
      rows_.emplace_back();
      rows_.back().growth.process = key.process;
      rows_.back().growth.stack = rows_.back().growth.first_stack = key.stack;
      rows_.back().growth.is_arena = key.is_arena;
      rows_.back().growth.is_resized = key.is_resized;
      if (key.is_arena) rows_.back().growth.main_allocator = wire::Allocator::kPymallocArena;
    }
    return it->second;
  }

  // A large block that is resized stays in the row of the stack that resized it first.
  std::uint32_t RowFor(const Acquire& event, const std::optional<Moving>& moving) {
    const bool is_resized = moving && event.size >= kMinResized;
    if (is_resized && rows_[moving->row].growth.is_resized) return moving->row;
    const bool is_arena = event.allocator == wire::Allocator::kPymallocArena;
    return RowOf(RowKey{event.process, event.stack, is_arena, is_resized});
  }

  // The block of a realloc has become that of `event`, in `row`.
  void Move(const Moving& moving, std::uint32_t row, const Acquire& event) {
    if (moving.row == row) {
      Change(row, event.size, moving.bytes);
    } else {
      // Up before down: the total does not dip.
      Change(row, event.size, 0);
      Change(moving.row, 0, moving.bytes);
    }
    if (in_window_ && rows_[row].growth.is_resized && event.size > moving.bytes) {
      rows_[row].enlarged[event.stack.value] += event.size - moving.bytes;
    }
  }

  std::optional<Moving> TakeMoving(ThreadId thread) {
    const auto it = moving_.find(thread.value);
    if (it == moving_.end()) return std::nullopt;
    const Moving moving = it->second;
    moving_.erase(it);
    return moving;
  }

  // A realloc without a successor has released its block.
  void EndMoving(ThreadId thread) {
    if (moving_.empty()) return;
    if (const auto moving = TakeMoving(thread)) Change(moving->row, 0, moving->bytes);
  }

  static std::uint32_t EnlargedMost(const Row& row) {
    return std::max_element(row.enlarged.begin(), row.enlarged.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }

  static std::uint32_t Pack(std::uint32_t row, wire::Allocator allocator) {
    const auto index = std::min(static_cast<std::uint8_t>(allocator), wire::kAllocatorCount);
    return row << kAllocatorBits | index;
  }
  static std::uint32_t RowIn(std::uint32_t packed) { return packed >> kAllocatorBits; }
  static wire::Allocator AllocatorIn(std::uint32_t packed) {
    return static_cast<wire::Allocator>(packed & ((1u << kAllocatorBits) - 1));
  }

  void Change(std::uint32_t row_index, Bytes more, Bytes less) {
    Row& row = rows_[row_index];
    if (in_window_ && !row.floor.is_started()) row.floor.Start(scale_.bins(), row.live);
    row.live = row.live + more - less;
    total_ = total_ + more - less;
    if (!in_window_) return;
    const std::size_t bin = scale_.BinOf(time_);
    row.floor.Set(bin, row.live);
    total_floor_.Set(bin, total_);
  }

  void LoseBlock(const Block& block) {
    Change(RowIn(births_[block.row].row), 0, block.size);
    births_.Remove(block.row);
  }
  void Lose(const std::vector<MappingSet::Loss>& losses) {
    for (const auto& loss : losses) {
      Change(RowIn(births_[loss.row].row), 0, loss.bytes);
      if (loss.is_last) births_.Remove(loss.row);
    }
  }

  void CountOperations(WindowView& view) const {
    view.operations.resize(scale_.bins());
    for (const auto& [name, bins] : marks_) {
      std::uint64_t total = 0;
      for (const std::uint64_t count : bins) total += count;
      if (total <= view.operations_total) continue;
      view.operations_total = total;
      view.operations_name = name;
      view.operations = bins;
    }
  }

  void CollectSurvivors() {
    std::vector<Survivor> survivors;
    const auto consider = [&](std::uint64_t address, std::uint64_t size, std::uint32_t record) {
      const Birth& birth = births_[record];
      if (birth.time < options_.from || birth.time >= options_.tail_from) return;
      const std::uint32_t row = RowIn(birth.row);
      survivors.push_back(Survivor{row, birth.time, address, size});
      rows_[row].survivors_by_allocator[static_cast<std::size_t>(AllocatorIn(birth.row))] += size;
    };
    for (const LiveSet& set : live_) {
      set.blocks.ForEach([&](std::uint64_t address, const Block& block) {
        consider(address, block.size, block.row);
      });
      for (const auto& piece : set.mappings.Pieces()) {
        consider(piece.begin, piece.size, piece.row);
      }
    }
    std::sort(survivors.begin(), survivors.end(), [](const Survivor& a, const Survivor& b) {
      return std::tie(a.row, a.born, a.address) < std::tie(b.row, b.born, b.address);
    });
    for (std::size_t begin = 0; begin < survivors.size();) {
      std::size_t end = begin;
      while (end < survivors.size() && survivors[end].row == survivors[begin].row) ++end;
      Describe(rows_[survivors[begin].row], &survivors[begin], end - begin);
      begin = end;
    }
  }

  // Calls visit(row, address, bytes, record) for each live block and piece of a mapping.
  template <typename Visit>
  void EachLive(Visit visit) {
    for (const LiveSet& set : live_) {
      set.blocks.ForEach([&](std::uint64_t address, const Block& block) {
        visit(rows_[RowIn(births_[block.row].row)], address, block.size, block.row);
      });
      for (const auto& piece : set.mappings.Pieces()) {
        visit(rows_[RowIn(births_[piece.row].row)], piece.begin, piece.size, piece.row);
      }
    }
  }

  void SumSizes(SizeSum Row::* sizes) {
    EachLive([&](Row& row, std::uint64_t, std::uint64_t bytes, std::uint32_t) {
      (row.*sizes).Add(static_cast<double>(bytes));
    });
  }

  // Whether the row has grown because its blocks did, and who enlarges them.
  static void JudgeSize(Row& row) {
    StackGrowth& growth = row.growth;
    if (growth.is_arena) return;
    const Bytes first = growth.floor.front();
    const Bytes last = growth.floor.back();
    growth.grown_by_size = GrownBySize(row.sizes_at_from, row.sizes_at_to,
                                       last > first ? last - first : 0, growth.is_resized);
    for (const auto& [stack, bytes] : row.enlarged) growth.enlarging.push_back(StackId{stack});
    if (!row.enlarged.empty()) growth.stack = StackId{EnlargedMost(row)};
  }

  void KeepLargestBlocks() {
    const bool any = std::any_of(rows_.begin(), rows_.end(),
                                 [](const Row& row) { return row.growth.grown_by_size > 0; });
    if (!any) return;
    EachLive([&](Row& row, std::uint64_t address, std::uint64_t bytes, std::uint32_t record) {
      if (row.growth.grown_by_size == 0) return;
      row.growth.largest.push_back({address, bytes, births_[record].time});
    });
    for (Row& row : rows_) KeepLargest(&row.growth.largest);
  }

  // `survivors` of one row, by birth.
  void Describe(Row& row, const Survivor* survivors, std::size_t count) const {
    StackGrowth& growth = row.growth;
    const auto& by_allocator = row.survivors_by_allocator;
    growth.main_allocator = static_cast<wire::Allocator>(
        std::max_element(by_allocator.begin(), by_allocator.end()) - by_allocator.begin());
    growth.survivor_blocks = count;
    growth.first_birth = survivors[0].born;
    growth.last_birth = survivors[count - 1].born;
    growth.survivors_by_birth.resize(scale_.bins());
    for (std::size_t i = 0; i < count; ++i) {
      growth.survivor_bytes += survivors[i].size;
      growth.survivors_by_birth[scale_.BinOf(survivors[i].born)] += survivors[i].size;
    }
    const std::size_t kept = std::min(count, options_.survivors_kept);
    growth.sample.reserve(kept);
    for (std::size_t i = 0; i < kept; ++i) {
      const Survivor& survivor = survivors[i * count / kept];
      growth.sample.push_back({survivor.address, survivor.size, survivor.born});
    }
  }

  const WindowOptions options_;
  const BinScale scale_;
  const std::size_t processes_;
  std::size_t ended_ = 0;
  double time_ = 0;
  bool in_window_ = false;
  Bytes total_ = 0;
  Bytes live_at_from_ = 0;
  BinFloor total_floor_;
  std::vector<Row> rows_;
  std::unordered_map<RowKey, std::uint32_t, RowKeyHash> index_;
  BirthLog births_;
  std::vector<LiveSet> live_;
  std::unordered_map<std::uint32_t, Moving> moving_;  // by thread
  std::map<std::string, std::vector<std::uint64_t>, std::less<>> marks_;
};

// The sum over the processes alive, each with its last sample.
std::vector<Bytes> RssFloor(const Recording& recording, const WindowOptions& options) {
  const BinScale scale(options.from, options.to, options.bins);
  std::unordered_map<std::uint32_t, Bytes> rss;
  Bytes total = 0;
  BinFloor floor;
  for (const OsSample& sample : recording.os_samples) {
    if (sample.time > options.to) break;
    if (sample.time >= options.from && !floor.is_started() && total > 0) {
      floor.Start(scale.bins(), total);
    }
    const bool is_first = total == 0;
    for (std::uint32_t i = 0; i < recording.processes.size(); ++i) {
      const auto ended_at = recording.processes[i].ended_at;
      if (!ended_at || *ended_at > sample.time || i == sample.process.value) continue;
      if (const auto it = rss.find(i); it != rss.end()) {
        total -= it->second;
        rss.erase(it);
      }
    }
    Bytes& mine = rss[sample.process.value];
    total = total + sample.rss - mine;
    mine = sample.rss;
    if (sample.time < options.from) continue;
    if (is_first || !floor.is_started()) floor.Start(scale.bins(), total);
    floor.Set(scale.BinOf(sample.time), total);
  }
  return floor.Finish();
}

}  // namespace

Result<WindowView> BuildWindowView(const EventSource& source, const WindowOptions& options) {
  if (!(options.from <= options.tail_from && options.tail_from <= options.to) || options.bins < 1) {
    return Error::Of("no window: from {} s, tail from {} s, to {} s, {} bins", options.from,
                     options.tail_from, options.to, options.bins);
  }
  WindowVisitor visitor(options, source.recording().processes.size());
  if (auto replayed = source.Replay(visitor); !replayed) return replayed.error();
  WindowView view = visitor.Finish();
  view.rss_floor = RssFloor(source.recording(), options);
  return view;
}

}  // namespace memwhy::model
