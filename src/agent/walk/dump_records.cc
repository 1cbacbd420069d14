// SPDX-License-Identifier: Apache-2.0
//
// DumpWalk: the record of one object, by what kind of object it is.
#include "agent/ground/agent.h"
#include "agent/objects/object_size.h"
#include "agent/walk/dump_walk.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::DumpTag;
using wire::EdgeKind;
using wire::ShapeRest;
using wire::SkipReason;

constexpr std::uint64_t kMaxListItems = std::uint64_t{1} << 40;

std::uint32_t ReferrerOf(const DumpType& facts) noexcept { return wire::kFirstType + facts.id; }

std::uint64_t CountOf(Address object) noexcept {
  return g_agent.python.layout->minor >= 14 ? Peek<std::uint32_t>(object, 0)
                                            : Peek<std::uint64_t>(object, 0);
}

}  // namespace

void DumpWalk::Skip(Address object, SkipReason why) noexcept {
  ++skipped_;
  out_.PutTag(DumpTag::kSkipped);
  out_.PutByte(static_cast<std::uint8_t>(why));
  out_.PutAddress(object & ~Address{7});
}

bool DumpWalk::IsTracked(const DumpType& facts, Address object) const noexcept {
  if (!facts.is_collected) return false;
  if (facts.is_gc != nullptr && facts.is_gc(reinterpret_cast<void*>(object)) == 0) return false;
  return PeekPointer(object - g_agent.python.layout->gc_head_bytes, 0) != 0;
}

// Objects that the interpreter itself never lets go: their reference counts say nothing.
bool DumpWalk::IsConstant(const DumpType& facts, Address object) const noexcept {
  if (DumpTypes::IsImmortal(object)) return true;
  if (facts.kind == ObjectKind::kType) {
    return (Peek<std::uint64_t>(object, cpython::kTypeFlags) & cpython::kFlagHeapType) == 0;
  }
  if (facts.is_definition) return true;
  const int minor = g_agent.python.layout->minor;
  if (minor >= 12) return false;
  // 3.11 gives what it builds in (deep-frozen modules) a count of 999,999,999.
  constexpr std::uint64_t kFrozenCount = 900'000'000;
  if (minor == 11 && CountOf(object) >= kFrozenCount) return true;
  const PythonApi& api = g_python_api;
  if (facts.type == api.int_type) {
    const auto size = Peek<std::int64_t>(object, cpython::kVarSize);
    if (size == 0) return true;
    const auto digit = Peek<std::uint32_t>(object, 24);
    return (size == 1 && digit <= 256) || (size == -1 && digit <= 5);
  }
  if (facts.type == api.str_type || facts.type == api.bytes_type ||
      facts.kind == ObjectKind::kTuple) {
    const auto length = Peek<std::int64_t>(object, 16);
    return facts.kind == ObjectKind::kTuple ? length == 0 : length <= 1;
  }
  if (facts.type == api.bool_type || facts.type == api.none_type) return true;
  // Ellipsis, NotImplemented
  return !facts.is_owned && facts.basic_bytes == 16 && facts.type != api.object_type;
}

bool DumpWalk::HasExtra(const DumpType& facts) noexcept {
  return facts.size != ObjectSize::kFixed ||
         (facts.has_attributes && g_agent.python.layout->minor >= 11);
}

void DumpWalk::PutHead(DumpType& facts, Address object, std::int64_t extra) noexcept {
  out_.BeginRecord();
  if (census_ != nullptr) {
    const std::int64_t beyond = HasExtra(facts) && extra > 0 ? extra : 0;
    census_->AddObject(facts.id, static_cast<std::uint64_t>(facts.fixed_bytes + beyond));
    ++objects_;
    return;
  }
  if (hidden_in_ != nullptr) NoteIfDoubtful(object);
  out_.PutNumber(wire::kFirstType + facts.id);
  out_.PutAddress(object);
  if (HasExtra(facts)) {
    out_.PutNumber(extra > 0 ? static_cast<std::uint64_t>(extra) : 0);
  }
  const std::uint64_t count = IsConstant(facts, object) ? 0 : CountOf(object);
  out_.PutNumber(count << 1 | static_cast<std::uint64_t>(IsTracked(facts, object)));
  ++objects_;
}

// Up to 3.11 the dict of interned strings hides in libpython: each is its own value.
bool DumpWalk::IsInterned(const DictTable& table) const noexcept {
  constexpr std::int64_t kMin = 256;  // of a running interpreter
  if (table.values != 0 || table.count < kMin ||
      !map_.IsReadable(table.entries, static_cast<std::size_t>(table.count) * table.entry_bytes)) {
    return false;
  }
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    if (PeekPointer(entry, table.entry_bytes == 24 ? 8 : 0) !=
        PeekPointer(entry, table.entry_bytes - 8)) {
      return false;
    }
  }
  return true;
}

void DumpWalk::WriteDict(DumpType& facts, Address dict) noexcept {
  const DictTable table = FindTable(dict);
  if (dict == interned_ || (hidden_in_ != nullptr && IsInterned(table))) {
    // Its references are not counted, and it lets strings go: it holds nothing.
    FinishObject(facts, dict, ExtraBytes(facts, dict, map_));
    return;
  }
  const bool has_entries = table.entries != 0 && table.count > 0;
  if (has_entries &&
      (!map_.IsReadable(table.entries, static_cast<std::size_t>(table.count) * table.entry_bytes) ||
       (table.values != 0 &&
        !map_.IsReadable(table.values, static_cast<std::size_t>(table.count) * 8)))) {
    Skip(dict, SkipReason::kFault);
    return;
  }
  const std::int64_t extra = ExtraBytes(facts, dict, map_);
  const std::uint32_t key_at = table.entry_bytes == 24 ? 8 : 0;
  const std::uint32_t value_at = table.entry_bytes - 8;
  if (table.values != 0) {
    // A split table: the keys belong to all dicts that share it.
    if (!table.is_embedded) {
      for (std::int64_t i = 0; i < table.count; ++i) {
        const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
        edges_.AddNamed(PeekPointer(table.values + static_cast<Address>(i) * 8, 0),
                        {EdgeKind::kAttribute, nullptr, PeekPointer(entry, key_at)});
      }
    }
    FinishObject(facts, dict, extra);
    return;
  }
  const Level entry_level{table.entries, 0,     table.count * 2,  table.entry_bytes,
                          key_at,        false, ReferrerOf(facts)};
  if (census_ != nullptr) {
    PutHead(facts, dict, extra);
    PushLevel(entry_level);
    return;
  }
  std::uint64_t entries = 0;
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    const Address key = PeekPointer(entry, key_at);
    if (i + kFetchAhead < table.count) {
      Fetch(PeekPointer(entry + kFetchAhead * Address{table.entry_bytes}, key_at));
    }
    if (key == 0 || PeekPointer(entry, value_at) == 0) continue;
    at_ = key;
    NameKey(key);
    ++entries;
  }
  at_ = dict;
  PutHead(facts, dict, extra);
  out_.PutNumber(entries * 2 << 1 | 1);
  out_.PutNumber(kShapePairs);
  out_.BeginEdges(dict);
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    const Address key = PeekPointer(entry, key_at);
    const Address value = PeekPointer(entry, value_at);
    if (key == 0 || value == 0) continue;
    Fetch(value);
    out_.PutEdge(key);
    out_.PutEdge(value);
  }
  edge_count_ += entries * 2;
  PushLevel(entry_level);
}

void DumpWalk::WriteItems(DumpType& facts, Address object) noexcept {
  const auto count = Peek<std::int64_t>(object, cpython::kVarSize);
  const Address items = facts.kind == ObjectKind::kTuple
                            ? object + g_agent.python.layout->tuple_items
                            : PeekPointer(object, cpython::kListItems);
  if (count < 0 || static_cast<std::uint64_t>(count) > kMaxListItems ||
      (count > 0 && !map_.IsReadable(items, static_cast<std::size_t>(count) * 8))) {
    Skip(object, SkipReason::kFault);
    return;
  }
  PutHead(facts, object, ExtraBytes(facts, object, map_));
  if (census_ == nullptr) {
    out_.PutNumber(static_cast<std::uint64_t>(count) << 1 | 1);
    out_.PutNumber(kShapeIndexed);
    out_.BeginEdges(object);
    for (std::int64_t i = 0; i < count; ++i) {
      const Address item = PeekPointer(items + static_cast<Address>(i) * 8, 0);
      Fetch(item);  // looked at next
      out_.PutEdge(item);
    }
    edge_count_ += static_cast<std::uint64_t>(count);
  }
  PushLevel({items, 0, count, 8, 0, false, ReferrerOf(facts)});
}

// For a census: to be counted while they are followed, so that a fault costs one of them.
void DumpWalk::PushAllEdges(const DumpType& facts, Address object) noexcept {
  // Memory of its own is counted as its bytes.
  const Address buffer =
      facts.kind == ObjectKind::kArray ? reader_.BufferOf(object).address & ~Address{7} : 0;
  const std::size_t first = scratch_count_;
  if (!GrowRaw(scratch_, scratch_count_ + edges_.count())) {
    failed_ = true;
    return;
  }
  for (std::size_t i = 0; i < edges_.object_count(); ++i) {
    const Address target = edges_.target(i);
    if (target == 0 || target == buffer) continue;
    Fetch(target);
    scratch_.items[scratch_count_++] = target;
  }
  PushLevel(
      {first, 0, static_cast<std::int64_t>(scratch_count_ - first), 8, 0, true, ReferrerOf(facts)});
}

// Writes the record of an object whose references are in edges_.
void DumpWalk::FinishObject(DumpType& facts, Address object, std::int64_t extra) noexcept {
  const bool has_shape =
      edges_.has_shape || edges_.label_count() != 0 || edges_.rest != ShapeRest::kPlain;
  std::uint32_t shape = edges_.shape;
  if (has_shape && !edges_.has_shape) {
    shape = ShapeOf(edges_);
    if (facts.kind == ObjectKind::kInstance) facts.shape = shape;
    if (edges_.rest == ShapeRest::kPairs) {
      for (std::size_t i = edges_.label_count(); i + 1 < edges_.count(); i += 2) {
        if (edges_.target(i) == 0) continue;
        at_ = edges_.target(i);
        NameKey(at_);
      }
    }
  }
  at_ = object;
  PutHead(facts, object, extra);
  if (census_ != nullptr) {
    PushAllEdges(facts, object);
    return;
  }
  out_.PutNumber(edges_.count() << 1 | static_cast<std::uint64_t>(has_shape));
  if (has_shape) out_.PutNumber(shape);
  out_.BeginEdges(object);
  const std::size_t first = scratch_count_;
  for (std::size_t i = 0; i < edges_.count(); ++i) {
    const Address target = edges_.target(i);
    Fetch(target);
    out_.PutEdge(target);
    if (target == 0) continue;
    ++edge_count_;
    if (i >= edges_.object_count()) continue;
    if (!GrowRaw(scratch_, scratch_count_ + 1)) {
      failed_ = true;
      return;
    }
    scratch_.items[scratch_count_++] = target;
  }
  if (edges_.weak != 0 && edges_.weak != none_) {
    out_.PutTag(DumpTag::kWeak);
    out_.PutAddress(object);
    out_.PutSigned((static_cast<std::int64_t>(edges_.weak) - static_cast<std::int64_t>(object)) >>
                   3);
  }
  PushLevel(
      {first, 0, static_cast<std::int64_t>(scratch_count_ - first), 8, 0, true, ReferrerOf(facts)});
}

void DumpWalk::WriteObject(Address object) noexcept {
  at_ = object;
  const Address type = cpython::TypeOf(object);
  if (!types_.IsType(type)) {
    Skip(object, SkipReason::kBadType);
    return;
  }
  DumpType* facts = types_.Get(type);
  if (facts == nullptr) {
    Skip(object, SkipReason::kTooManyTypes);
    return;
  }
  WriteKnown(*facts, object);
}

void DumpWalk::WriteKnown(DumpType& facts, Address object) noexcept {
  // Of a class all objects may be hidden.
  if (facts.kind == ObjectKind::kType && types_.IsType(object)) types_.Get(object);
  if (!facts.is_named) NameType(facts);
  if (facts.has_buffer) {
    // What may stand in it is no object.
    if (const Address buffer = BufferBehind(facts, object); buffer != 0) marks_.See(buffer);
  }
  WriteRecord(facts, object);
  if (native_ != nullptr) native_->WriteOwn(facts, object);
}

void DumpWalk::WriteRecord(DumpType& facts, Address object) noexcept {
  switch (facts.kind) {
    case ObjectKind::kLeaf:
      PutHead(facts, object, ExtraBytes(facts, object, map_));
      return;
    case ObjectKind::kDict:
      edges_.Clear();
      WriteDict(facts, object);
      return;
    case ObjectKind::kList:
    case ObjectKind::kTuple:
      WriteItems(facts, object);
      return;
    default:
      edges_.Clear();
      reader_.Read(facts, object, edges_);
      at_ = object;
      if (native_ != nullptr) native_->ReadBody(facts, object, edges_);
      if (facts.has_storage) AddStorages();
      if (facts.has_function_name) NameFunction(facts, object);
      FinishObject(facts, object, ExtraBytes(facts, object, map_));
      WriteArrayBuffer(facts, object);
      if (facts.has_storage) WriteStorages(facts, object);
      if (facts.is_greenlet && GrowRaw(greenlets_, greenlet_count_ + 1)) {
        greenlets_.items[greenlet_count_++] = object;
      }
      return;
  }
}

// Memory that an array owns and that is no object.
void DumpWalk::WriteArrayBuffer(const DumpType& facts, Address object) noexcept {
  if (facts.kind != ObjectKind::kArray) return;
  const ArrayBuffer buffer = reader_.BufferOf(object);
  if (buffer.bytes == 0 || !marks_.See(buffer.address)) return;
  if (census_ != nullptr) {
    census_->AddBytes(facts.id, buffer.bytes);
    return;
  }
  PutBuffer(buffer.address, buffer.bytes, wire::BufferKind::kArray);
  if (native_ != nullptr) native_->PutOwn(object, buffer.address);
}

// A part of a block that the tracer knows: that is written, and reached by the pointers into it.
bool DumpWalk::IsPartOfBlock(const TensorStorage& storage) noexcept {
  return native_ != nullptr && !storage.is_device && native_->IsInside(storage.data);
}

// Edges to the memory behind the tensor that was read. What another lent leads to the lender's
// buffer, where that is written.
void DumpWalk::AddStorages() noexcept {
  if (edges_.rest != ShapeRest::kPlain) return;
  const TensorStorages& storages = reader_.storages();
  for (std::size_t i = 0; i < storages.count(); ++i) {
    const TensorStorage& storage = storages.at(i);
    if (!storage.is_owned || !IsPartOfBlock(storage)) edges_.AddMemory(storage.data & ~Address{7});
  }
}

// Marked apart: nobody may take it for an object and read it. A census counts memory of the
// process.
void DumpWalk::WriteDeviceMemory(const TensorStorage& storage) noexcept {
  if (census_ != nullptr || !marks_.Name(storage.data)) return;
  PutBuffer(storage.data, storage.bytes, wire::BufferKind::kDevice);
  out_.PutByte(storage.device_type);
  out_.PutByte(static_cast<std::uint8_t>(storage.device_index));
}

// That memory, once.
void DumpWalk::WriteStorages(const DumpType& facts, Address object) noexcept {
  const TensorStorages& storages = reader_.storages();
  for (std::size_t i = 0; i < storages.count(); ++i) {
    const TensorStorage& storage = storages.at(i);
    if (storage.is_device) {
      WriteDeviceMemory(storage);
      continue;
    }
    if (!storage.is_owned || IsPartOfBlock(storage) || !marks_.See(storage.data)) continue;
    if (census_ != nullptr) {
      census_->AddBytes(facts.id, storage.bytes);
    } else {
      PutBuffer(storage.data, storage.bytes, wire::BufferKind::kStorage);
      if (native_ != nullptr) native_->PutOwn(object, storage.data);
    }
  }
}

void DumpWalk::PutBuffer(Address address, std::uint64_t bytes, wire::BufferKind kind) noexcept {
  out_.PutTag(DumpTag::kBuffer);
  out_.PutAddress(address & ~Address{7});
  out_.PutNumber(bytes);
  out_.PutByte(static_cast<std::uint8_t>(kind));
}

}  // namespace memwhy::agent
