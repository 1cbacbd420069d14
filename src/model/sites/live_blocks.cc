// SPDX-License-Identifier: Apache-2.0
//
// LiveBlocksAt of window_view.h.
#include <algorithm>
#include <vector>

#include "model/live/live_set.h"
#include "model/sites/birth_log.h"
#include "model/sites/site_table.h"
#include "model/sites/window_view.h"

namespace memwhy::model {
namespace {

class LiveBlocksVisitor : public EventVisitor {
 public:
  LiveBlocksVisitor(ProcessId process, double time) : process_(process), until_(time) {}

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
  void Forget(const std::vector<MappingSet::Loss>& losses) {
    for (const auto& loss : losses) {
      if (loss.is_last) births_.Remove(loss.row);
    }
  }

  const ProcessId process_;
  const double until_;
  SiteTable sites_;
  BirthLog births_;
  std::vector<LiveSet> live_;
};

}  // namespace

Result<std::vector<LiveBlock>> LiveBlocksAt(const EventSource& source, ProcessId process,
                                            double time) {
  LiveBlocksVisitor visitor(process, time);
  if (auto replayed = source.Replay(visitor); !replayed) return replayed.error();
  return visitor.Finish();
}

}  // namespace memwhy::model
