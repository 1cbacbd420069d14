// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_sink.h"

#include "agent/ground/redaction.h"
#include "agent/objects/object_head.h"
#include "agent/objects/object_size.h"
#include "agent/python/type_name.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::PeekPointer;
using wire::DumpTag;
using wire::ShapeRest;

// A target told against its source.
std::int64_t Distance(std::uint64_t from, std::uint64_t to) noexcept {
  return (static_cast<std::int64_t>(to) - static_cast<std::int64_t>(from)) >> 3;
}

}  // namespace

void PutDumpStart(DumpStream& out) noexcept {
  out.Reserve();
  for (const char c : wire::kDumpMagic) out.PutByte(static_cast<std::uint8_t>(c));
  out.PutNumber(wire::kDumpVersion);
}

void PutDumpEnd(DumpStream& out, const DumpTotals& totals) noexcept {
  out.PutTag(DumpTag::kEnd);
  out.PutNumber(totals.objects);
  out.PutNumber(totals.edges);
  out.PutNumber(totals.skipped);
}

void DumpSink::AddTotals(const DumpTotals& others) noexcept {
  totals_.objects += others.objects;
  totals_.edges += others.edges;
  totals_.skipped += others.skipped;
}

void DumpSink::OnSkipped(Address object, wire::SkipReason why) noexcept {
  ++totals_.skipped;
  out_.PutTag(DumpTag::kSkipped);
  out_.PutByte(static_cast<std::uint8_t>(why));
  out_.PutAddress(object & ~Address{7});
}

void DumpSink::OnList(std::uint32_t list) noexcept {
  out_.PutTag(DumpTag::kList);
  out_.PutNumber(list);
}

void DumpSink::OnType(const DumpType& facts) noexcept {
  char name[wire::kMaxKeyBytes];
  PutType(out_, facts, name, NameOfType(facts.type, name, sizeof(name)));
}

void DumpSink::PutHead(const DumpType& facts, Address object, std::int64_t extra) noexcept {
  out_.BeginRecord();
  out_.PutNumber(wire::kFirstType + facts.id);
  out_.PutAddress(object);
  if (HasExtraBytes(facts)) out_.PutNumber(extra > 0 ? static_cast<std::uint64_t>(extra) : 0);
  const std::uint64_t count = IsConstant(facts, object) ? 0 : ReferenceCountOf(object);
  out_.PutNumber(count << 1 | static_cast<std::uint64_t>(IsTracked(facts, object)));
  ++totals_.objects;
}

void DumpSink::OnDict(DumpType& facts, Address dict, const DictTable& table,
                      std::int64_t extra) noexcept {
  const std::uint32_t key_at = table.entry_bytes == 24 ? 8 : 0;
  const std::uint32_t value_at = table.entry_bytes - 8;
  std::uint64_t entries = 0;
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    const Address key = PeekPointer(entry, key_at);
    if (i + kFetchAhead < table.count) {
      Fetch(PeekPointer(entry + kFetchAhead * Address{table.entry_bytes}, key_at));
    }
    if (key == 0 || PeekPointer(entry, value_at) == 0) continue;
    state_.at = key;
    names_.PutKey(key);
    ++entries;
  }
  state_.at = dict;
  PutHead(facts, dict, extra);
  out_.PutNumber(entries * 2 << 1 | 1);
  out_.PutNumber(DumpNames::kShapePairs);
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
  totals_.edges += entries * 2;
}

void DumpSink::OnItems(DumpType& facts, Address object, const ItemArray& items,
                       std::int64_t extra) noexcept {
  PutHead(facts, object, extra);
  out_.PutNumber(static_cast<std::uint64_t>(items.count) << 1 | 1);
  out_.PutNumber(DumpNames::kShapeIndexed);
  out_.BeginEdges(object);
  for (std::int64_t i = 0; i < items.count; ++i) {
    const Address item = PeekPointer(items.begin + static_cast<Address>(i) * 8, 0);
    Fetch(item);  // looked at next
    out_.PutEdge(item);
  }
  totals_.edges += static_cast<std::uint64_t>(items.count);
}

void DumpSink::OnObject(DumpType& facts, Address object, const EdgeList& edges,
                        std::int64_t extra) noexcept {
  if (g_redaction.in_dump) {
    PutAttributeKeys(facts, edges);
  } else if (facts.type == g_python_api.function_type) {
    names_.PutFreeNames(object);
  }
  const bool has_shape =
      edges.has_shape || edges.label_count() != 0 || edges.rest != ShapeRest::kPlain;
  std::uint32_t shape = edges.shape;
  if (has_shape && !edges.has_shape) {
    shape = names_.ShapeOf(edges);
    if (facts.kind == ObjectKind::kInstance) facts.shape = shape;
    if (edges.rest == ShapeRest::kPairs) {
      for (std::size_t i = edges.label_count(); i + 1 < edges.count(); i += 2) {
        if (edges.target(i) == 0) continue;
        state_.at = edges.target(i);
        names_.PutKey(edges.target(i));
      }
    }
  }
  state_.at = object;
  PutHead(facts, object, extra);
  out_.PutNumber(edges.count() << 1 | static_cast<std::uint64_t>(has_shape));
  if (has_shape) out_.PutNumber(shape);
  out_.BeginEdges(object);
  for (std::size_t i = 0; i < edges.count(); ++i) {
    const Address target = edges.target(i);
    Fetch(target);
    out_.PutEdge(target);
    if (target != 0) ++totals_.edges;
  }
  if (edges.weak != 0 && edges.weak != g_python_api.none_object) {
    out_.PutTag(DumpTag::kWeak);
    out_.PutAddress(object);
    out_.PutSigned(Distance(object, edges.weak));
  }
}

// The keys of a dict of attributes are names of the code and stay, wherever else they are keys.
void DumpSink::PutAttributeKeys(const DumpType& facts, const EdgeList& edges) noexcept {
  if (edges.has_shape) {  // its labels are not kept: after the members comes the dict
    if (facts.has_attributes && facts.members.count() < edges.count()) {
      names_.PutAttributeKeys(edges.target(facts.members.count()));
    }
    return;
  }
  for (std::size_t i = 0; i < edges.label_count(); ++i) {
    if (edges.label(i).kind == wire::EdgeKind::kAttributes)
      names_.PutAttributeKeys(edges.target(i));
  }
}

void DumpSink::OnRoot(const RootFacts& root, const EdgeList& edges) noexcept {
  const bool has_shape = edges.label_count() != 0;
  const std::uint32_t shape = has_shape ? names_.ShapeOf(edges) : 0;
  out_.PutTag(DumpTag::kRoot);
  out_.PutByte(static_cast<std::uint8_t>(root.kind));
  out_.PutByte(static_cast<std::uint8_t>(root.counts));
  out_.PutNumber(root.thread);
  out_.PutNumber(root.line);
  names_.PutLabel(root.name);
  out_.Reserve();
  out_.PutNumber(edges.count() << 1 | static_cast<std::uint64_t>(has_shape));
  if (has_shape) out_.PutNumber(shape);
  out_.BeginRootEdges();
  for (std::size_t i = 0; i < edges.count(); ++i) out_.PutEdge(edges.target(i));
}

void DumpSink::PutBuffer(Address address, std::uint64_t bytes, wire::BufferKind kind) noexcept {
  out_.PutTag(DumpTag::kBuffer);
  out_.PutAddress(address & ~Address{7});
  out_.PutNumber(bytes);
  out_.PutByte(static_cast<std::uint8_t>(kind));
}

void DumpSink::OnBuffer(const DumpType&, Address address, std::uint64_t bytes,
                        wire::BufferKind kind) noexcept {
  PutBuffer(address, bytes, kind);
}

// Marked apart: nobody may take it for an object and read it.
void DumpSink::OnDeviceMemory(const TensorStorage& storage) noexcept {
  if (!state_.marks.Name(storage.data)) return;
  PutBuffer(storage.data, storage.bytes, wire::BufferKind::kDevice);
  out_.PutByte(storage.device_type);
  out_.PutByte(static_cast<std::uint8_t>(storage.device_index));
}

void DumpSink::PutBlock(std::uint64_t address, std::uint64_t bytes, std::uint32_t type,
                        const EdgeList& edges) noexcept {
  out_.PutTag(DumpTag::kBlock);
  out_.PutAddress(address);
  out_.PutNumber(bytes);
  out_.PutNumber(type);
  out_.PutNumber(edges.count() << 1);
  out_.BeginEdges(address & ~Address{7});
  for (std::size_t i = 0; i < edges.count(); ++i) out_.PutEdge(edges.target(i));
  totals_.edges += edges.count();
}

void DumpSink::PutTorchHead(wire::TorchKind kind, Address address, std::uint64_t bytes,
                            std::uint32_t type) noexcept {
  out_.PutTag(DumpTag::kTorch);
  out_.PutByte(static_cast<std::uint8_t>(kind));
  out_.PutAddress(address);
  out_.PutNumber(bytes);
  out_.PutNumber(type);
}

void DumpSink::PutTensor(const TensorWords& words) noexcept {
  out_.Reserve();
  out_.PutNumber(words.tensor.count());
  for (const std::uint64_t word : words.tensor) out_.PutNumber(word);
  out_.Reserve();
  out_.PutNumber(words.autograd.count());
  for (const std::uint64_t word : words.autograd) out_.PutNumber(word);
  out_.Reserve();
  out_.PutNumber(words.has_version ? std::uint64_t{words.version} + 1 : 0);
  out_.PutNumber(words.sizes.count());
  for (const std::uint64_t size : words.sizes) out_.PutNumber(size);
  out_.Reserve();
  out_.PutByte(words.is_view ? 1 : 0);
}

void DumpSink::PutStorage(const TensorStorage& storage, bool is_reached) noexcept {
  out_.PutNumber(storage.data);
  out_.PutNumber(storage.bytes);
  out_.PutByte(storage.device_type);
  out_.PutByte(static_cast<std::uint8_t>(storage.device_index));
  out_.PutByte(storage.is_owned ? 1 : 0);
  out_.PutByte(is_reached ? 1 : 0);
}

void DumpSink::PutTorchEdges(std::uint32_t shape, Address address, const EdgeList& edges) noexcept {
  out_.Reserve();
  out_.PutNumber(edges.count() << 1 | 1);
  out_.PutNumber(shape);
  out_.BeginEdges(address & ~Address{7});
  for (std::size_t i = 0; i < edges.count(); ++i) out_.PutEdge(edges.target(i));
  totals_.edges += edges.count();
}

void DumpSink::PutOwn(Address object, std::uint64_t block) noexcept {
  out_.PutTag(DumpTag::kOwn);
  out_.PutAddress(object);
  out_.PutSigned(Distance(object, block));
}

}  // namespace memwhy::agent
