// SPDX-License-Identifier: Apache-2.0
//
// LiveBlocksAt of window_view.h.
#include <algorithm>
#include <limits>
#include <vector>

#include "model/live/live_set.h"
#include "model/sites/birth_log.h"
#include "model/sites/site_table.h"
#include "model/sites/window_view.h"

namespace memwhy::model {
namespace {

class LiveBlocksVisitor : public EventVisitor {
 public:
  // `objects_after`: small objects of the process that were born later are wanted.
  LiveBlocksVisitor(ProcessId process, double time, double objects_after)
      : process_(process), until_(time), objects_after_(objects_after) {}

  void OnAcquire(const Acquire& event) override {
    if (event.time > until_ || (event.is_mapping && event.size == 0)) return;
    const SiteKey key{event.process, event.thread, event.allocator, event.stack};
    const std::uint32_t record = births_.Add({event.time, sites_.Intern(key)});
    LiveSet& set = Live(event.process);
    if (event.is_mapping) {
      Forget(set.mappings.Acquire(event.address, event.size, record));
    } else if (const auto old = set.blocks.Insert(event.address, Block{event.size, record})) {
      births_.Remove(old->row);
    }
  }

  void OnRelease(double time, ProcessId process, ThreadId, std::uint64_t address) override {
    if (time > until_) return;
    if (const auto block = Live(process).blocks.Erase(address)) births_.Remove(block->row);
  }

  void OnUnmap(double time, ProcessId process, ThreadId, std::uint64_t address,
               std::uint64_t size) override {
    if (time <= until_) Forget(Live(process).mappings.Unmap(address, size));
  }

  void OnObjectAcquire(const Acquire& event) override {
    if (!IsWanted(event.time, event.process)) return;
    const SiteKey key{event.process, event.thread, event.allocator, event.stack};
    const std::uint32_t record = births_.Add({event.time, sites_.Intern(key)});
    const auto old = objects_.Insert(event.address, Block{event.size, record});
    if (old) births_.Remove(old->row);
  }

  void OnObjectRelease(double time, ProcessId process, ThreadId, std::uint64_t address) override {
    if (!IsWanted(time, process)) return;
    if (const auto block = objects_.Erase(address)) births_.Remove(block->row);
  }

  void OnFork(double time, ProcessId parent, ProcessId child) override {
    if (time > until_) return;
    Live(std::max(parent, child));  // makes room for both before references are taken
    LiveSet& set = Live(child);
    set = Live(parent);
    set.TranslateRows([&](std::uint32_t record) {
      const Birth birth = births_[record];
      return births_.Add(birth);
    });
  }

  void OnProcessEnd(double time, ProcessId process) override {
    // The process asked for is left as it was at its end.
    if (time > until_ || process == process_) return;
    LiveSet& set = Live(process);
    set.blocks.ForEach([&](std::uint64_t, const Block& block) { births_.Remove(block.row); });
    set.mappings.ForEachMapping([&](std::uint32_t record) { births_.Remove(record); });
    set.Clear();
  }

  std::vector<LiveBlock> Finish() {
    std::vector<LiveBlock> blocks;
    const LiveSet& set = Live(process_);
    const auto add = [&](std::uint64_t address, std::uint64_t size, std::uint32_t record) {
      const SiteKey& key = sites_.key(births_[record].row);
      blocks.push_back(
          LiveBlock{address, size, key.stack, key.allocator, key.thread, births_[record].time});
    };
    set.blocks.ForEach(
        [&](std::uint64_t address, const Block& block) { add(address, block.size, block.row); });
    objects_.ForEach(
        [&](std::uint64_t address, const Block& block) { add(address, block.size, block.row); });
    for (const auto& piece : set.mappings.Pieces()) add(piece.begin, piece.size, piece.row);
    std::sort(blocks.begin(), blocks.end(), [](const LiveBlock& a, const LiveBlock& b) {
      return a.address != b.address ? a.address < b.address : a.size > b.size;
    });
    return blocks;
  }

 private:
  LiveSet& Live(ProcessId process) {
    if (process.value >= live_.size()) live_.resize(process.value + 1);
    return live_[process.value];
  }
  // Of an object.
  bool IsWanted(double time, ProcessId process) const {
    return process == process_ && time > objects_after_ && time <= until_;
  }
  void Forget(const std::vector<MappingSet::Loss>& losses) {
    for (const auto& loss : losses) {
      if (loss.is_last) births_.Remove(loss.row);
    }
  }

  const ProcessId process_;
  const double until_;
  const double objects_after_;
  SiteTable sites_;
  BirthLog births_;
  std::vector<LiveSet> live_;
  AddressMap objects_;
};

// The end of the object period before the one that `time` falls into: what came after it is of that
// one, also where the time of an event is that of its thread's last look at the clock, a little
// before the period began. Infinity: `time` falls into none.
double FindEndBefore(const Recording& recording, ProcessId process, double time) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  double end = -kNever;
  for (const ObjectPeriod& period : recording.object_periods) {
    if (period.process != process || period.from > time) continue;
    if (!period.to || time <= *period.to) return end;
    end = *period.to;
  }
  return kNever;
}

}  // namespace

Result<std::vector<LiveBlock>> LiveBlocksAt(const EventSource& source, ProcessId process,
                                            double time, SmallObjects objects) {
  LiveBlocksVisitor visitor(process, time,
                            objects == SmallObjects::kIncluded
                                ? FindEndBefore(source.recording(), process, time)
                                : std::numeric_limits<double>::infinity());
  if (auto replayed = source.Replay(visitor); !replayed) return replayed.error();
  return visitor.Finish();
}

}  // namespace memwhy::model
