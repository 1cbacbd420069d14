// SPDX-License-Identifier: Apache-2.0
//
// The replay of a session: a merge of all threads' streams by time. The order of one stream is
// never changed; between streams the earlier time goes first, and at equal times releases go before
// acquisitions (a block may be taken at the tick at which it was given back, not the reverse).
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/sites/process_source.h"
#include "session/block_cache.h"
#include "session/reader.h"

namespace memwhy::session {
namespace {

// A hostile session that jumps among its blocks would have each unfolded again and again. With
// 20000 threads that each write once in a while a block may be needed that often.
constexpr std::uint64_t kMaxTimes = 256;
constexpr std::uint64_t kFreeBytes = 256u << 20;

constexpr bool IsAcquisition(wire::EventKind kind) {
  using enum wire::EventKind;
  return kind == kMalloc || kind == kCalloc || kind == kAllocate || kind == kMap ||
         kind == kObjectAllocate;
}

constexpr bool IsDelivered(wire::EventKind kind) {
  using enum wire::EventKind;
  return IsAcquisition(kind) || kind == kFree || kind == kRealloc || kind == kUnmap ||
         kind == kRemap || kind == kArenaFree || kind == kMark || kind == kFork || kind == kHeld ||
         kind == kFolded || kind == kObjectFree;
}

}  // namespace

class Merge {
 public:
  // Of each stream the events before its first that is later than `until`, in seconds; of the
  // streams of process i until_of[i], where there are such.
  Merge(const Session& session, model::EventVisitor& visitor, double until,
        std::vector<double> until_of = {})
      : session_(session),
        visitor_(visitor),
        until_(until),
        until_of_(std::move(until_of)),
        cache_(&session.file_, kFreeBytes + kMaxTimes * session.unfolded_bytes_) {}

  Result<void> Run();

 private:
  // Where the merge stands in one stream: the next event, not yet delivered.
  struct Cursor {
    const Session::Stream* stream;
    const ClockMap* clock;
    std::uint32_t shift;
    StreamDecoder decoder;
    std::size_t next_piece = 0;
    std::vector<std::uint8_t> bytes;
    Record record;
    bool is_second_half = false;  // of a realloc or remap: the acquisition
    std::uint64_t key = 0;
    double until = std::numeric_limits<double>::infinity();
  };

  Result<bool> NextPiece(Cursor* cursor);
  Result<bool> Advance(Cursor* cursor);
  std::uint64_t TimeKey(const ClockMap& map, std::uint64_t clock) const;
  void SetKey(Cursor* cursor, std::uint64_t ticks, bool is_acquisition);
  void Deliver(const Cursor& cursor);
  void DeliverFolded(const Cursor& cursor);
  void EndProcesses(double time);
  void CollectForks();
  void CollectChildren();
  void Fork(std::uint64_t key);
  bool HasForkPoint(std::uint32_t process) const {
    const auto fact = session_.facts_.processes.find(process);
    return fact != session_.facts_.processes.end() && fact->second.fork_clock != 0;
  }
  bool IsFolded(std::uint32_t child) const {
    const auto& folded = session_.facts_.folded;
    return folded && std::binary_search(folded->forked.begin(), folded->forked.end(), child);
  }
  bool IsBefore(std::uint32_t a, std::uint32_t b) const {
    const std::uint64_t left = cursors_[a].key;
    const std::uint64_t right = cursors_[b].key;
    return left != right ? left < right : a < b;
  }
  void SiftDown(std::size_t at);
  model::ProcessId FindChild(const Cursor& cursor, double time, bool* is_found) const;

  const Session& session_;
  model::EventVisitor& visitor_;
  const double until_;
  const std::vector<double> until_of_;
  BlockCache cache_;
  std::vector<Cursor> cursors_;
  std::vector<std::uint32_t> heap_;                     // cursors, the earliest on top
  std::vector<std::pair<double, std::uint32_t>> ends_;  // of processes, latest first
  struct ForkPoint {
    std::uint64_t key;
    double time;
    std::uint32_t parent;
    std::uint32_t child;
  };
  std::vector<ForkPoint> forks_;                                            // latest first
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> children_;  // by pid, as they start
};

Result<bool> Merge::NextPiece(Cursor* cursor) {
  const std::vector<PieceRef>& pieces = cursor->stream->index.pieces();
  if (cursor->next_piece == pieces.size()) return false;
  const PieceRef& ref = pieces[cursor->next_piece++];
  const std::vector<std::uint8_t>* raw = nullptr;
  if ((ref.source & kRingSource) != 0) {
    raw = &session_.ring_bytes_[ref.source & ~kRingSource];
  } else {
    MEMWHY_TRY(raw, cache_.Get(ref.source, session_.blocks_[ref.source]));
  }
  if (std::uint64_t{ref.begin} + ref.length > raw->size()) return Error("a block has changed");
  cursor->bytes.assign(raw->begin() + ref.begin, raw->begin() + ref.begin + ref.length);
  cursor->decoder.SetPiece(cursor->bytes);
  return true;
}

std::uint64_t Merge::TimeKey(const ClockMap& map, std::uint64_t clock) const {
  // Sessions with two kinds of clock are compared in nanoseconds; one kind needs no rounding.
  const std::uint64_t time =
      session_.has_one_clock_
          ? clock
          : static_cast<std::uint64_t>(std::clamp(map.Seconds(clock), 0.0, 1e9) * 1e9);
  return time << 1;
}

void Merge::SetKey(Cursor* cursor, std::uint64_t ticks, bool is_acquisition) {
  const std::uint64_t key = TimeKey(*cursor->clock, ticks << cursor->shift);
  // Within a stream time never runs backwards, whatever a damaged one says.
  cursor->key =
      std::max(cursor->key & ~std::uint64_t{1}, key) | static_cast<std::uint64_t>(is_acquisition);
}

Result<bool> Merge::Advance(Cursor* cursor) {
  Record& record = cursor->record;
  const bool is_double =
      record.kind == wire::EventKind::kRealloc || record.kind == wire::EventKind::kRemap;
  if (is_double && !cursor->is_second_half) {
    cursor->is_second_half = true;
    SetKey(cursor, record.ticks_after, true);
    return true;
  }
  cursor->is_second_half = false;
  while (true) {
    const StreamDecoder::Step step = cursor->decoder.Next(&record);
    if (step == StreamDecoder::Step::kRecord) {
      if (!IsDelivered(record.kind)) continue;
      if (std::isfinite(cursor->until) &&
          cursor->clock->Seconds(record.ticks << cursor->shift) > cursor->until) {
        return false;
      }
      SetKey(cursor, record.ticks, IsAcquisition(record.kind));
      return true;
    }
    if (step == StreamDecoder::Step::kDamaged) return Error("a block has changed");
    MEMWHY_TRY(const bool has_more, NextPiece(cursor));
    if (!has_more) return false;
  }
}

// By pid, those that do not know the instant of their fork themselves.
void Merge::CollectChildren() {
  const auto& processes = session_.recording_.processes;
  for (std::uint32_t i = 0; i < processes.size(); ++i) {
    if (processes[i].pid != 0 && !HasForkPoint(i)) children_[processes[i].pid].push_back(i);
  }
  for (auto& [pid, children] : children_) {
    std::stable_sort(children.begin(), children.end(), [&](std::uint32_t a, std::uint32_t b) {
      return processes[a].started < processes[b].started;
    });
  }
}

model::ProcessId Merge::FindChild(const Cursor& cursor, double time, bool* is_found) const {
  // A pid may be used twice in a session; the child is the one that starts next.
  constexpr double kSlackSeconds = 1;
  const auto& processes = session_.recording_.processes;
  *is_found = false;
  const auto same_pid = children_.find(cursor.record.a);
  if (same_pid == children_.end()) return {};
  const std::vector<std::uint32_t>& children = same_pid->second;
  auto child = std::partition_point(children.begin(), children.end(), [&](std::uint32_t candidate) {
    return processes[candidate].started + kSlackSeconds < time;
  });
  if (child != children.end() && *child == cursor.stream->process.value) ++child;
  if (child == children.end()) return {};
  *is_found = true;
  return model::ProcessId{*child};
}

void Merge::Deliver(const Cursor& cursor) {
  using enum wire::EventKind;
  const Record& record = cursor.record;
  const Session::Stream& stream = *cursor.stream;
  const bool is_double = record.kind == kRealloc || record.kind == kRemap;
  const std::uint64_t ticks = cursor.is_second_half ? record.ticks_after : record.ticks;
  const double time = std::max(0.0, cursor.clock->Seconds(ticks << cursor.shift));
  if (record.kind == kHeld || record.kind == kFolded) return DeliverFolded(cursor);
  if (!forks_.empty() && cursor.key > forks_.back().key) Fork(cursor.key);
  if (!ends_.empty() && time > ends_.back().first) EndProcesses(time);
  if (IsAcquisition(record.kind) || (is_double && cursor.is_second_half)) {
    // realloc(p, 0) may give nothing back.
    if (record.address == 0) return;
    const auto& stacks = stream.index.stacks();
    const model::StackId stack =
        record.stack < stacks.size() ? stacks[record.stack] : model::kUnknownStack;
    const model::Acquire event{time,           stream.process,
                               stream.thread,  record.allocator,
                               record.address, record.size,
                               stack,          record.kind == kMap || record.kind == kRemap};
    if (record.kind == kObjectAllocate) return visitor_.OnObjectAcquire(event);
    visitor_.OnAcquire(event);
    return;
  }
  switch (record.kind) {
    case kFree:
    case kArenaFree:
      visitor_.OnRelease(time, stream.process, stream.thread, record.address);
      break;
    case kObjectFree:
      visitor_.OnObjectRelease(time, stream.process, stream.thread, record.address);
      break;
    case kRealloc:
      if (record.old_address == 0) break;
      visitor_.OnReallocBegin(time, stream.process, stream.thread, record.old_address);
      break;
    case kUnmap:
      visitor_.OnUnmap(time, stream.process, stream.thread, record.address, record.size);
      break;
    case kRemap:
      if (record.old_size == 0) break;
      visitor_.OnRemapBegin(time, stream.process, stream.thread, record.old_address,
                            record.old_size);
      break;
    case kMark:
      visitor_.OnMark(time, stream.process, record.text[0], record.a);
      break;
    case kFork: {
      bool is_found = false;
      const model::ProcessId child = FindChild(cursor, time, &is_found);
      if (is_found) visitor_.OnFork(time, stream.process, child);
      break;
    }
    default:
      break;
  }
}

void Merge::DeliverFolded(const Cursor& cursor) {
  const Record& record = cursor.record;
  const Session::Stream& stream = *cursor.stream;
  if (record.b >= session_.recording_.processes.size()) return;
  const model::ProcessId process{static_cast<std::uint32_t>(record.b)};
  const auto& stacks = stream.index.stacks();
  const model::StackId stack =
      record.stack < stacks.size() ? stacks[record.stack] : model::kUnknownStack;
  if (record.kind == wire::EventKind::kFolded) {
    const auto amount = [&](std::size_t at) {
      return model::Amount{record.sums[at], record.sums[at + 1]};
    };
    visitor_.OnFolded({process, stream.thread, record.allocator, stack, amount(0), amount(2),
                       amount(4), amount(6), amount(8)});
    return;
  }
  const auto& folded = session_.recording_.folded;
  const bool is_mapping = record.allocator == wire::Allocator::kMmap ||
                          record.allocator == wire::Allocator::kMremap ||
                          record.allocator == wire::Allocator::kBrk;
  visitor_.OnHeld({{folded ? folded->until : 0.0, process, stream.thread, record.allocator,
                    record.address, record.size, stack, is_mapping},
                   (record.a & wire::kHeldContinues) != 0,
                   (record.a & wire::kHeldLast) != 0});
}

// Children that know the instant of their fork themselves.
void Merge::CollectForks() {
  const auto& facts = session_.facts_.processes;
  std::unordered_map<std::uint32_t, std::vector<const ProcessFact*>> by_pid;
  for (const auto& [index, fact] : facts) by_pid[fact.pid].push_back(&fact);
  for (auto& [pid, same_pid] : by_pid) {
    std::stable_sort(same_pid.begin(), same_pid.end(),
                     [](const ProcessFact* a, const ProcessFact* b) {
                       return a->clock.monotonic_ns < b->clock.monotonic_ns;
                     });
  }
  for (const auto& [child, fact] : facts) {
    if (fact.fork_clock == 0 || IsFolded(child)) continue;
    const ClockMap& map = *session_.clocks_[child];
    if (map.Seconds(fact.fork_clock) > until_) continue;
    const auto same_pid = by_pid.find(fact.parent);
    if (same_pid == by_pid.end()) continue;
    // A pid may be used twice in a session; the parent is the one that started last before.
    const auto& parents = same_pid->second;
    auto parent =
        std::partition_point(parents.begin(), parents.end(), [&](const ProcessFact* candidate) {
          return candidate->clock.monotonic_ns <= fact.clock.monotonic_ns;
        });
    if (parent != parents.begin() && *std::prev(parent) == &fact) --parent;
    if (parent == parents.begin()) continue;
    forks_.push_back({TimeKey(map, fact.fork_clock), std::max(0.0, map.Seconds(fact.fork_clock)),
                      (*std::prev(parent))->process, child});
  }
  std::sort(forks_.begin(), forks_.end(),
            [](const ForkPoint& a, const ForkPoint& b) { return a.key > b.key; });
}

void Merge::Fork(std::uint64_t key) {
  while (!forks_.empty() && forks_.back().key < key) {
    const ForkPoint& fork = forks_.back();
    visitor_.OnFork(fork.time, model::ProcessId{fork.parent}, model::ProcessId{fork.child});
    forks_.pop_back();
  }
}

void Merge::EndProcesses(double time) {
  while (!ends_.empty() && ends_.back().first < time) {
    visitor_.OnProcessEnd(ends_.back().first, model::ProcessId{ends_.back().second});
    ends_.pop_back();
  }
}

void Merge::SiftDown(std::size_t at) {
  const std::uint32_t moving = heap_[at];
  while (true) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && IsBefore(heap_[child + 1], heap_[child])) ++child;
    if (!IsBefore(heap_[child], moving)) break;
    heap_[at] = heap_[child];
    at = child;
  }
  heap_[at] = moving;
}

Result<void> Merge::Run() {
  const auto& processes = session_.recording_.processes;
  std::vector<double> last(processes.size());
  cursors_.reserve(session_.streams_.size());
  for (const Session::Stream& stream : session_.streams_) {
    double& latest = last[stream.process.value];
    latest = std::max(latest, session_.SecondsOfTicks(stream, stream.index.last_ticks()));
    const double until = until_of_.empty() ? until_ : until_of_[stream.process.value];
    if (until < 0) continue;
    Cursor cursor{&stream,
                  session_.clocks_[stream.process.value],
                  session_.shifts_[stream.process.value],
                  StreamDecoder(stream.index.start_ticks()),
                  0,
                  {},
                  {},
                  false,
                  0,
                  until};
    MEMWHY_TRY(const bool has_event, Advance(&cursor));
    if (!has_event) continue;
    heap_.push_back(static_cast<std::uint32_t>(cursors_.size()));
    cursors_.push_back(std::move(cursor));
  }
  for (std::uint32_t i = 0; i < processes.size(); ++i) {
    if (!processes[i].ended_at) continue;
    const double ended = std::max(*processes[i].ended_at, last[i]);
    if (ended <= until_) ends_.emplace_back(ended, i);
  }
  std::sort(ends_.rbegin(), ends_.rend());
  CollectForks();
  CollectChildren();
  for (std::size_t at = heap_.size() / 2; at-- > 0;) SiftDown(at);

  while (!heap_.empty()) {
    const std::uint32_t top = heap_[0];
    Cursor& cursor = cursors_[top];
    // The stream on top goes on until another one's event comes first.
    std::size_t rival = heap_.size() > 1 ? 1 : 0;
    if (heap_.size() > 2 && IsBefore(heap_[2], heap_[1])) rival = 2;
    bool has_event = true;
    do {
      Deliver(cursor);
      MEMWHY_TRY(has_event, Advance(&cursor));
    } while (has_event && (rival == 0 || IsBefore(top, heap_[rival])));
    if (!has_event) {
      cursor.bytes = {};
      heap_[0] = heap_.back();
      heap_.pop_back();
    }
    if (!heap_.empty()) SiftDown(0);
  }
  Fork(~std::uint64_t{0});
  while (!ends_.empty()) EndProcesses(ends_.back().first + 1);
  return {};
}

Result<void> Session::Replay(model::EventVisitor& visitor) const {
  return ReplayUntil(std::numeric_limits<double>::infinity(), visitor);
}

Result<void> Session::ReplayUntil(double until, model::EventVisitor& visitor) const {
  return Merge(*this, visitor, until).Run();
}

Result<void> Session::ReplayOf(model::ProcessId process, model::EventVisitor& visitor) const {
  // What a folded part holds of a process may stand in the stream of another.
  if (facts_.folded || process.value >= recording_.processes.size()) return Replay(visitor);
  std::vector<double> until(recording_.processes.size(), -1);
  double needed = std::numeric_limits<double>::infinity();
  for (const model::ProcessId one : model::LineOf(recording_, process)) {
    until[one.value] = needed;
    // Its stream begins a little after the fork.
    needed = recording_.processes[one.value].started;
  }
  return Merge(*this, visitor, std::numeric_limits<double>::infinity(), std::move(until)).Run();
}

}  // namespace memwhy::session
