// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_walk.h"

#include "agent/ground/agent.h"
#include "agent/objects/object_size.h"
#include "agent/walk/dump_hidden.h"
#include "agent/walk/dump_lists.h"
#include "agent/walk/dump_roots.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpRoot;
using wire::DumpTag;
using wire::EdgeKind;
using wire::ShapeRest;
using wire::SkipReason;

}  // namespace

DumpWalk::~DumpWalk() {
  FreeRaw(levels_);
  FreeRaw(scratch_);
  FreeRaw(pending_types_);
  FreeRaw(root_targets_);
  FreeRaw(greenlets_);
  FreeRaw(doubtful_);
}

void DumpWalk::PushLevel(const Level& level) noexcept {
  if (level.count == 0) return;
  if (!GrowRaw(levels_, level_count_ + 1)) {
    failed_ = true;
    return;
  }
  levels_.items[level_count_++] = level;
}

void DumpWalk::Follow(Address target) noexcept {
  if (target == 0 || (target & 7) != 0) return;
  at_ = target;
  const Address type = cpython::TypeOf(target);
  if (!types_.IsType(type)) {
    if (marks_.See(target)) Skip(target, SkipReason::kBadType);
    return;
  }
  DumpType* facts = types_.Get(type);
  // The tracked ones come with the collector's lists.
  if (facts == nullptr || IsTracked(*facts, target)) return;
  if (marks_.See(target)) WriteKnown(*facts, target);
}

void DumpWalk::WriteTreeUnguarded() noexcept {
  if (start_ != 0) {
    const Address object = start_;
    start_ = 0;
    WriteObject(object);
  }
  while (level_count_ != 0 && !failed_) {
    Level& level = levels_.items[level_count_ - 1];
    if (level.next == level.count) {
      if (level.is_scratch) scratch_count_ = level.items;
      --level_count_;
      continue;
    }
    const std::int64_t index = level.next++;
    Address target = 0;
    const bool is_more = index + kFetchAhead < level.count;
    if (level.is_scratch) {
      target = scratch_.items[level.items + static_cast<std::size_t>(index)];
      if (is_more)
        Fetch(scratch_.items[level.items + static_cast<std::size_t>(index + kFetchAhead)]);
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
    if (census_ != nullptr) CountEdge(level.referrer, target);
    Follow(target);
  }
}

void DumpWalk::WriteTree(Address object) noexcept {
  start_ = object;
  level_count_ = 0;
  scratch_count_ = 0;
  do {
    if (MEMWHY_GUARD(guard_) != 0) Skip(at_, SkipReason::kFault);
    WriteTreeUnguarded();
    guard_.Disarm();
    // Static types are in no list of the collector.
    start_ = 0;
    while (start_ == 0 && pending_type_count_ != 0) {
      const Address type = pending_types_.items[--pending_type_count_];
      if (marks_.IsSeen(type)) continue;
      at_ = type;
      const DumpType* facts = types_.Get(cpython::TypeOf(type));
      if (facts != nullptr && !IsTracked(*facts, type) && marks_.See(type)) start_ = type;
    }
  } while (start_ != 0 && !failed_);
}

// What none of the guards around single objects caught ends a part of the walk, not all of it.
template <typename Part>
void DumpWalk::WriteGuarded(const Part& part) noexcept {
  FaultGuard guard;
  if (MEMWHY_GUARD(guard) == 0) {
    part();
  } else {
    Skip(at_, SkipReason::kFault);
  }
  guard.Disarm();
}

void DumpWalk::NoteIfDoubtful(Address object) noexcept {
  if (hidden_in_->BlockOf(object).begin != 0) return;
  if (!GrowRaw(doubtful_, doubtful_count_ + 1)) {
    failed_ = true;
    return;
  }
  doubtful_.items[doubtful_count_++] = object;
}

void DumpWalk::PutStart(bool may_have_lanes) noexcept {
  out_.Reserve();
  for (const char c : wire::kDumpMagic) out_.PutByte(static_cast<std::uint8_t>(c));
  out_.PutNumber(may_have_lanes ? wire::kDumpVersion : wire::kDumpVersionOfOneLane);
}

void DumpWalk::PutEnd() noexcept {
  out_.PutTag(DumpTag::kEnd);
  out_.PutNumber(objects_);
  out_.PutNumber(edge_count_);
  out_.PutNumber(skipped_);
}

void DumpWalk::PutShapes() noexcept {
  for (const ShapeRest rest : {ShapeRest::kPairs, ShapeRest::kIndexed}) {
    out_.PutTag(DumpTag::kShape);
    out_.PutByte(static_cast<std::uint8_t>(rest));
    out_.PutNumber(0);
  }
}

// Blocks of marks that may be needed: for all memory in which objects lie or of which a clone has
// no copy, and for what they lead to in read-only files and in the addresses of devices.
std::size_t DumpWalk::MostMarkBlocks() const noexcept {
  constexpr std::size_t kElsewhere = 1 << 20;  // 64 GiB
  std::size_t blocks = kElsewhere;
  for (std::size_t i = 0; i < map_.count(); ++i) {
    const Mapping& mapping = map_.at(i);
    if (mapping.is_spared || (mapping.is_readable && mapping.is_writable)) {
      blocks += ((mapping.end - mapping.begin) >> 16) + 2;
    }
  }
  return blocks;
}

void DumpWalk::TakeInterned(Address interpreter) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (layout.interpreter_interned != cpython::kAbsent) {
    interned_ = PeekPointer(interpreter, layout.interpreter_interned);
  }
}

// The second process of two begins here; it does not come back. Without one this one does all.
void DumpWalk::Split(DumpLanes& lanes, Address interpreter) noexcept {
  if (!DumpLists::HasEnds() || !marks_.Share(MostMarkBlocks()) || !out_.Flush()) return;
  const DumpLanes::Role role = lanes.Split(out_.fd());
  has_lanes_ = role != DumpLanes::Role::kAlone;
  if (!has_lanes_) return;
  const bool is_second = role == DumpLanes::Role::kSecond;
  out_.BeginLane(lanes, is_second ? 1 : 0);
  if (!is_second) return;
  PutShapes();
  TakeInterned(interpreter);
  WriteGuarded([&] { DumpLists(*this).WriteFromEnd(interpreter); });
  for (std::uint32_t id = 0; id < types_.count() && !failed_; ++id) {
    failed_ = !lanes.PutType(types_.at(id)->type);
  }
  for (std::size_t i = 0; i < greenlet_count_ && !failed_; ++i) {
    failed_ = !lanes.PutGreenlet(greenlets_.items[i]);
  }
  lanes.End(out_.Flush() && !HasFailed(), objects_, edge_count_, skipped_);
}

// What the second has met counts as met.
void DumpWalk::Join(DumpLanes& lanes) noexcept {
  // It may wait for its turn.
  if (!out_.Flush() || !lanes.Join()) {
    failed_ = true;
    return;
  }
  out_.EndLanes();
  objects_ += lanes.objects();
  edge_count_ += lanes.edges();
  skipped_ += lanes.skipped();
  for (std::size_t i = 0; i < lanes.greenlet_count(); ++i) {
    if (GrowRaw(greenlets_, greenlet_count_ + 1)) {
      greenlets_.items[greenlet_count_++] = lanes.greenlet(i);
    }
  }
  for (std::size_t i = 0; i < lanes.type_count(); ++i) {
    at_ = lanes.type(i);
    WriteGuarded([&] {
      if (types_.IsType(at_)) types_.Get(at_);
    });
  }
  lanes.Release();  // the addresses in it are no references
}

bool DumpWalk::Run(bool collects, FreeMemory* free, NativeWalk* native, DumpLanes* lanes) noexcept {
  native_ = native;
  const cpython::Layout& layout = *g_agent.python.layout;
  none_ = g_python_api.none_object;
  reader_.SetFreeMemory(free);
  reader_.SetFollowsBlocks(native != nullptr);
  if (!types_.Start(map_)) return false;
  PutStart(lanes != nullptr);
  PutShapes();
  constexpr int kMaxInterpreters = 1024;
  const Address first = PeekPointer(g_agent.python.runtime, layout.runtime_interpreters);
  DumpLists lists(*this);
  const Address main = PeekPointer(g_agent.python.runtime, layout.runtime_main_interpreter);
  lists.WriteSettings(collects, main);
  if (lanes != nullptr) Split(*lanes, main);
  int left = kMaxInterpreters;
  for (Address at = first; at != 0 && left > 0;
       at = PeekPointer(at, layout.interpreter_next), --left) {
    TakeInterned(at);
    WriteGuarded([&] { lists.Write(at); });
    if (layout.minor == 8) break;  // one collector for all
  }
  if (has_lanes_) Join(*lanes);
  DumpRoots roots(*this);
  left = kMaxInterpreters;
  for (Address at = first; at != 0 && left > 0;
       at = PeekPointer(at, layout.interpreter_next), --left) {
    WriteGuarded([&] { roots.Write(at); });
  }
  // Their frames may lead to others.
  for (std::size_t i = 0; i < greenlet_count_; ++i) {
    WriteGuarded([&] { roots.WriteGreenlet(greenlets_.items[i]); });
  }
  if (free != nullptr && is_clone_) WriteGuarded([&] { DumpHidden(*this, *free).Write(); });
  if (native != nullptr) WriteGuarded([&] { native->Write(); });
  PutEnd();
  return out_.Flush() && !HasFailed();
}

bool DumpWalk::IsInBytes(Address place) noexcept {
  const Address object = marks_.IsSeen(place) ? 0 : marks_.SeenBefore(place);
  if (object == 0) return false;
  const Address type = cpython::TypeOf(object);
  const PythonApi& api = g_python_api;
  if (type != api.bytes_type && type != api.str_type && type != api.int_type) return false;
  const DumpType* facts = types_.Get(type);
  if (facts == nullptr) return false;
  return place <
         object + static_cast<Address>(facts->own_bytes() + InlineBytes(*facts, object, map_));
}

bool DumpWalk::IsObjectsBlock(const FreeMemory::Block& block) noexcept {
  constexpr Address kMaxBefore = 64;  // the collector's head and what else lies before an object
  for (Address at = block.begin; at < block.begin + kMaxBefore && at < block.end; at += 16) {
    if (marks_.IsSeen(at) && types_.IsObject(at)) return true;
  }
  return false;
}

DumpWalk::Body DumpWalk::BodyOf(Address object) noexcept {
  if (!map_.IsReadable(object, 16)) return {};
  const Address type = cpython::TypeOf(object);
  if (!types_.IsKnown(type)) return {};
  const DumpType* facts = types_.Get(type);
  if (facts->body_begin == 0 || !types_.IsObject(object)) return {};
  return {object + static_cast<Address>(facts->body_begin),
          object + static_cast<Address>(facts->basic_bytes)};
}

void DumpWalk::WriteRoot(DumpRoot kind, wire::RootCounts counts, std::uint64_t thread,
                         std::uint32_t line, const EdgeLabel& name) noexcept {
  if (edges_.count() == 0) return;
  const bool has_shape = edges_.label_count() != 0;
  const std::uint32_t shape = has_shape ? ShapeOf(edges_) : 0;
  out_.PutTag(DumpTag::kRoot);
  out_.PutByte(static_cast<std::uint8_t>(kind));
  out_.PutByte(static_cast<std::uint8_t>(counts));
  out_.PutNumber(thread);
  out_.PutNumber(line);
  PutText(name);
  out_.Reserve();
  out_.PutNumber(edges_.count() << 1 | static_cast<std::uint64_t>(has_shape));
  if (has_shape) out_.PutNumber(shape);
  out_.BeginRootEdges();
  for (std::size_t i = 0; i < edges_.count(); ++i) out_.PutEdge(edges_.target(i));
  // What hangs on it alone. The edges of what is written take the place of the root's.
  const std::size_t count = edges_.count();
  if (!GrowRaw(root_targets_, count)) {
    failed_ = true;
    return;
  }
  for (std::size_t i = 0; i < count; ++i) root_targets_.items[i] = edges_.target(i);
  for (std::size_t i = 0; census_ != nullptr && i < count; ++i) {
    if (types_.IsObject(root_targets_.items[i])) {
      CountEdge(static_cast<std::uint32_t>(kind), root_targets_.items[i]);
    }
  }
  for (std::size_t i = 0; i < count && !failed_; ++i) WriteUnseen(root_targets_.items[i]);
}

// A root's target and what is behind it, tracked or not.
void DumpWalk::WriteUnseen(Address object) noexcept {
  if (object == 0 || !types_.IsObject(object)) return;
  if (marks_.See(object)) WriteTree(object);
}

}  // namespace memwhy::agent
