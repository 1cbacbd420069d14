// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/heap_walk.h"

#include <algorithm>

#include "agent/objects/object_head.h"
#include "agent/objects/object_size.h"
#include "agent/walk/census_sink.h"
#include "agent/walk/dump_sink.h"
#include "agent/walk/hidden_walk.h"
#include "agent/walk/list_walk.h"
#include "agent/walk/root_walk.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::SkipReason;

Address MainInterpreter() noexcept {
  return PeekPointer(g_agent.python.runtime, TheLayout().runtime_main_interpreter);
}

template <typename Sink>
bool HeapWalk<Sink>::Start(FreeMemory* free, NativeWalk* native, TorchWalk* torch) noexcept {
  native_ = native;
  torch_ = torch;
  state_.reader.SetFreeMemory(free);
  state_.reader.SetFollowsBlocks(native != nullptr);
  return state_.types.Start(state_.map);
}

template <typename Sink>
void HeapWalk<Sink>::VisitLists() noexcept {
  ListWalk<Sink> lists(*this);
  bool is_done = false;
  EachInterpreter([&](Address interpreter) {
    if (is_done) return;
    TakeInterned(interpreter);
    RunGuarded([&] { lists.Visit(interpreter); });
    is_done = TheLayout().minor == 8;  // one collector for all
  });
}

template <typename Sink>
void HeapWalk<Sink>::VisitRoots() noexcept {
  RootWalk<Sink> roots(*this);
  EachInterpreter([&](Address interpreter) { RunGuarded([&] { roots.Visit(interpreter); }); });
  // Their frames may lead to others.
  for (std::size_t i = 0; i < greenlets_.count(); ++i) {
    RunGuarded([&] { roots.VisitGreenlet(greenlets_[i]); });
  }
}

template <typename Sink>
void HeapWalk<Sink>::VisitHidden(FreeMemory& free) noexcept {
  RunGuarded([&] { HiddenWalk<Sink>(*this, free).Visit(); });
}

template <typename Sink>
void HeapWalk<Sink>::TakeInterned(Address interpreter) noexcept {
  const cpython::Layout& layout = TheLayout();
  if (layout.interpreter_interned != cpython::kAbsent) {
    interned_ = PeekPointer(interpreter, layout.interpreter_interned);
  }
}

template <typename Sink>
void HeapWalk<Sink>::AddGreenlet(Address greenlet) noexcept {
  if (!greenlets_.Push(greenlet)) state_.failed = true;
}

template <typename Sink>
void HeapWalk<Sink>::PushLevel(const Level& level) noexcept {
  if (level.count != 0 && !levels_.Push(level)) state_.failed = true;
}

// The references in the state's edges. One by one they are followed, so that a fault costs one of
// them. `memory`: where an array has its own, which is no object; 0.
template <typename Sink>
void HeapWalk<Sink>::PushEdges(const DumpType& facts, Address memory) noexcept {
  const std::size_t first = scratch_.count();
  const std::size_t count = state_.edges.object_count();
  if (!scratch_.Reserve(first + count)) {
    state_.failed = true;
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Address target = state_.edges.target(i);
    if (target == 0 || target == memory) continue;
    Fetch(target);
    scratch_.PushReserved(target);
  }
  PushLevel({first, 0, static_cast<std::int64_t>(scratch_.count() - first), 8, 0, true, facts.id});
}

template <typename Sink>
void HeapWalk<Sink>::Follow(Address target) noexcept {
  if (target == 0 || (target & 7) != 0) return;
  state_.at = target;
  const Address type = cpython::TypeOf(target);
  if (!state_.types.IsType(type)) {
    if (state_.marks.See(target)) Skip(target, SkipReason::kBadType);
    return;
  }
  DumpType* facts = state_.types.Get(type);
  // The tracked ones come with the collector's lists.
  if (facts == nullptr || IsTracked(*facts, target)) return;
  if (state_.marks.See(target)) VisitKnown(*facts, target);
}

template <typename Sink>
void HeapWalk<Sink>::FollowLevels() noexcept {
  if (start_ != 0) {
    const Address object = start_;
    start_ = 0;
    VisitObject(object);
  }
  while (!levels_.is_empty() && !state_.failed) {
    Level& level = levels_.last();
    if (level.next == level.count) {
      if (level.is_scratch) scratch_.Truncate(level.items);
      levels_.Pop();
      continue;
    }
    const std::int64_t index = level.next++;
    Address target = 0;
    const bool is_more = index + kFetchAhead < level.count;
    if (level.is_scratch) {
      target = scratch_[level.items + static_cast<std::size_t>(index)];
      if (is_more) Fetch(scratch_[level.items + static_cast<std::size_t>(index + kFetchAhead)]);
    } else if (level.stride == 8) {
      target = PeekPointer(level.items + static_cast<Address>(index) * 8, 0);
      if (is_more)
        Fetch(PeekPointer(level.items + static_cast<Address>(index + kFetchAhead) * 8, 0));
    } else {
      // A dict's entry: key and value by turns.
      const Address entry = level.items + static_cast<Address>(index >> 1) * level.stride;
      target = PeekPointer(entry, (index & 1) == 0 ? level.key_at : level.stride - 8);
      if ((index & 1) == 0 && PeekPointer(entry, level.stride - 8) == 0) target = 0;
      if (is_more) {
        const Address ahead =
            level.items + static_cast<Address>((index + kFetchAhead) >> 1) * level.stride;
        Fetch(PeekPointer(ahead, (index & 1) == 0 ? level.key_at : level.stride - 8));
      }
    }
    sink_.OnReference(level.type, target);
    Follow(target);
  }
}

template <typename Sink>
void HeapWalk<Sink>::VisitTree(Address object) noexcept {
  start_ = object;
  levels_.Clear();
  scratch_.Clear();
  do {
    if (MEMWHY_GUARD(guard_) != 0) Skip(state_.at, SkipReason::kFault);
    FollowLevels();
    guard_.Disarm();
    // Static types are in no list of the collector.
    start_ = 0;
    while (start_ == 0 && !pending_types_.is_empty()) {
      const Address type = pending_types_.Pop();
      if (state_.marks.IsSeen(type)) continue;
      state_.at = type;
      const DumpType* facts = state_.types.Get(cpython::TypeOf(type));
      if (facts != nullptr && !IsTracked(*facts, type) && state_.marks.See(type)) start_ = type;
    }
  } while (start_ != 0 && !state_.failed);
}

// Ids are given out in the order of DumpTypes::Get; the sink is told in that order, too.
template <typename Sink>
void HeapWalk<Sink>::MeetTypes(const DumpType& last) noexcept {
  while (met_types_ <= last.id) {
    DumpType* next = state_.types.at(met_types_++);
    next->is_named = true;
    sink_.OnType(*next);
    if (!pending_types_.Push(next->type)) state_.failed = true;
  }
}

template <typename Sink>
void HeapWalk<Sink>::VisitObject(Address object) noexcept {
  state_.at = object;
  const Address type = cpython::TypeOf(object);
  if (!state_.types.IsType(type)) {
    Skip(object, SkipReason::kBadType);
    return;
  }
  DumpType* facts = state_.types.Get(type);
  if (facts == nullptr) {
    Skip(object, SkipReason::kTooManyTypes);
    return;
  }
  VisitKnown(*facts, object);
}

template <typename Sink>
void HeapWalk<Sink>::VisitKnown(DumpType& facts, Address object) noexcept {
  // Of a class all objects may be hidden.
  if (facts.kind == ObjectKind::kType && state_.types.IsType(object)) state_.types.Get(object);
  if (!facts.is_named) MeetTypes(facts);
  if (facts.has_buffer) {
    // What may stand in it is no object.
    if (const Address buffer = BufferBehind(facts, object); buffer != 0) state_.marks.See(buffer);
  }
  if (state_.hidden_in != nullptr) NoteIfDoubtful(object);
  switch (facts.kind) {
    case ObjectKind::kLeaf:
      sink_.OnLeaf(facts, object, ExtraBytes(facts, object, state_.map));
      break;
    case ObjectKind::kDict:
      VisitDict(facts, object);
      break;
    case ObjectKind::kList:
    case ObjectKind::kTuple:
      VisitItems(facts, object);
      break;
    default:
      VisitOther(facts, object);
      break;
  }
  if (native_ != nullptr) native_->WriteOwn(facts, object);
}

template <typename Sink>
void HeapWalk<Sink>::NoteIfDoubtful(Address object) noexcept {
  if (state_.hidden_in->BlockOf(object).begin != 0) return;
  if (!state_.doubtful.Push(object)) state_.failed = true;
}

// Up to 3.11 the dict of interned strings hides in libpython: each is its own value.
template <typename Sink>
bool HeapWalk<Sink>::IsInterned(const DictTable& table) const noexcept {
  constexpr std::int64_t kMin = 256;  // of a running interpreter
  if (table.values != 0 || table.count < kMin ||
      !state_.map.IsReadable(table.entries,
                             static_cast<std::size_t>(table.count) * table.entry_bytes)) {
    return false;
  }
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    if (PeekPointer(entry, KeyAt(table.entry_bytes)) != PeekPointer(entry, table.entry_bytes - 8)) {
      return false;
    }
  }
  return true;
}

template <typename Sink>
void HeapWalk<Sink>::VisitDict(DumpType& facts, Address dict) noexcept {
  EdgeList& edges = state_.edges;
  edges.Clear();
  const DictTable table = FindTable(dict);
  if (dict == interned_ || (state_.hidden_in != nullptr && IsInterned(table))) {
    // Its references are not counted, and it lets strings go: it holds nothing.
    sink_.OnObject(facts, dict, edges, ExtraBytes(facts, dict, state_.map));
    return;
  }
  const auto count = static_cast<std::size_t>(table.count);
  const bool has_entries = table.entries != 0 && table.count > 0;
  if (has_entries && (!state_.map.IsReadable(table.entries, count * table.entry_bytes) ||
                      (table.values != 0 && !state_.map.IsReadable(table.values, count * 8)))) {
    Skip(dict, SkipReason::kFault);
    return;
  }
  const std::int64_t extra = ExtraBytes(facts, dict, state_.map);
  const std::uint32_t key_at = KeyAt(table.entry_bytes);
  if (table.values == 0) {
    sink_.OnDict(facts, dict, table, extra);
    PushLevel({table.entries, 0, table.count * 2, table.entry_bytes, key_at, false, facts.id});
    return;
  }
  // A split table: the keys belong to all dicts that share it.
  if (!table.is_embedded) {
    for (std::int64_t i = 0; i < table.count; ++i) {
      const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
      edges.AddNamed(PeekPointer(table.values + static_cast<Address>(i) * 8, 0),
                     {wire::EdgeKind::kAttribute, nullptr, PeekPointer(entry, key_at)});
    }
  }
  sink_.OnObject(facts, dict, edges, extra);
  PushEdges(facts, 0);
}

template <typename Sink>
void HeapWalk<Sink>::VisitItems(DumpType& facts, Address object) noexcept {
  constexpr std::uint64_t kMaxListItems = std::uint64_t{1} << 40;
  const auto count = Peek<std::int64_t>(object, cpython::kVarSize);
  const Address items = facts.kind == ObjectKind::kTuple ? object + TheLayout().tuple_items
                                                         : PeekPointer(object, cpython::kListItems);
  if (count < 0 || static_cast<std::uint64_t>(count) > kMaxListItems ||
      (count > 0 && !state_.map.IsReadable(items, static_cast<std::size_t>(count) * 8))) {
    Skip(object, SkipReason::kFault);
    return;
  }
  sink_.OnItems(facts, object, {items, count}, ExtraBytes(facts, object, state_.map));
  PushLevel({items, 0, count, 8, 0, false, facts.id});
}

// An object whose references its traversal tells, or the reader knows.
template <typename Sink>
void HeapWalk<Sink>::VisitOther(DumpType& facts, Address object) noexcept {
  state_.edges.Clear();
  state_.reader.Read(facts, object, state_.edges);
  state_.at = object;
  if (native_ != nullptr) native_->ReadBody(facts, object, state_.edges);
  if (facts.has_storage) AddStorages();
  if (torch_ != nullptr && facts.MayHaveTorch()) torch_->ReadBody(facts, object, state_.edges);
  if (facts.has_function_name) sink_.OnFunction(facts, object);
  sink_.OnObject(facts, object, state_.edges, ExtraBytes(facts, object, state_.map));
  if (state_.edges.is_cut) Skip(object, SkipReason::kFault);
  const bool is_array = facts.kind == ObjectKind::kArray;
  const ArrayBuffer buffer = is_array ? state_.reader.BufferOf(object) : ArrayBuffer{};
  PushEdges(facts, buffer.address & ~Address{7});
  if (is_array) VisitArrayBuffer(facts, object, buffer);
  if (facts.has_storage) VisitStorages(facts, object);
  if (facts.is_greenlet) AddGreenlet(object);
}

// Memory that an array owns and that is no object.
template <typename Sink>
void HeapWalk<Sink>::VisitArrayBuffer(const DumpType& facts, Address object,
                                      const ArrayBuffer& buffer) noexcept {
  if (buffer.bytes == 0 || !state_.marks.See(buffer.address)) return;
  sink_.OnBuffer(facts, buffer.address, buffer.bytes, wire::BufferKind::kArray);
  if (native_ != nullptr) native_->PutOwn(object, buffer.address);
}

// A part of a block that the tracer knows: that is written, and reached by the pointers into it.
template <typename Sink>
bool HeapWalk<Sink>::IsPartOfBlock(const TensorStorage& storage) const noexcept {
  return native_ != nullptr && !storage.is_device && native_->IsInside(storage.data);
}

// Edges to the memory behind the tensor that was read. What another lent leads to the lender's
// buffer, where that is written.
template <typename Sink>
void HeapWalk<Sink>::AddStorages() noexcept {
  EdgeList& edges = state_.edges;
  if (edges.rest != wire::ShapeRest::kPlain) return;
  const TensorStorages& storages = state_.reader.storages();
  for (std::size_t i = 0; i < storages.count(); ++i) {
    const TensorStorage& storage = storages.at(i);
    if (!storage.is_owned || !IsPartOfBlock(storage)) edges.AddMemory(storage.data & ~Address{7});
  }
}

// That memory, once.
template <typename Sink>
void HeapWalk<Sink>::VisitStorages(const DumpType& facts, Address object) noexcept {
  const TensorStorages& storages = state_.reader.storages();
  for (std::size_t i = 0; i < storages.count(); ++i) {
    const TensorStorage& storage = storages.at(i);
    if (storage.is_device) {
      sink_.OnDeviceMemory(storage);
      continue;
    }
    if (!storage.is_owned || IsPartOfBlock(storage) || !state_.marks.See(storage.data)) continue;
    sink_.OnBuffer(facts, storage.data, storage.bytes, wire::BufferKind::kStorage);
    if (native_ != nullptr) native_->PutOwn(object, storage.data);
  }
}

template <typename Sink>
void HeapWalk<Sink>::VisitRoot(const RootFacts& root) noexcept {
  EdgeList& edges = state_.edges;
  if (edges.count() == 0) return;
  sink_.OnRoot(root, edges);
  // The edges of what is visited take the place of the root's.
  const std::size_t count = edges.count();
  root_targets_.Clear();
  if (!root_targets_.Reserve(count)) {
    state_.failed = true;
    return;
  }
  for (std::size_t i = 0; i < count; ++i) root_targets_.PushReserved(edges.target(i));
  // Its targets and what is behind them, tracked or not.
  for (std::size_t i = 0; i < count && !state_.failed; ++i) {
    const Address target = root_targets_[i];
    if (target != 0 && state_.types.IsObject(target) && state_.marks.See(target)) {
      VisitTree(target);
    }
  }
}

template class HeapWalk<DumpSink>;
template class HeapWalk<CensusSink>;

}  // namespace memwhy::agent
