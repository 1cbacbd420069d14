// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/array_items.h"

#include <algorithm>

#include "agent/ground/agent.h"
#include "agent/python/dict_table.h"
#include "agent/python/key_text.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

// Of an array.
constexpr std::uint32_t kData = 16;
constexpr std::uint32_t kDimensions = 24;  // int
constexpr std::uint32_t kLengths = 32;
constexpr std::uint32_t kDescr = 56;
constexpr std::uint32_t kFlags = 64;
constexpr int kOwnsData = 4;
constexpr int kMaxDimensions = 64;
constexpr std::int64_t kMaxArrayItemBytes = std::int64_t{1} << 44;

// Of a dtype.
constexpr std::uint32_t kTypeNumber = 28;  // int
constexpr int kObjectNumber = 17;
constexpr std::int64_t kFirstDescrBytes = 96;  // of numpy 1's
constexpr std::int64_t kBareDescrBytes = 88;   // of numpy 2's that are no records
constexpr std::uint8_t kHasReferences = 1;     // NPY_ITEM_REFCOUNT
constexpr std::int64_t kMaxItemBytes = 1 << 20;
constexpr int kMaxArrayDepth = 8;

}  // namespace

struct ArrayItems::Description {
  std::int64_t bytes = 0;
  int number = 0;
  bool has_references = false;
  Address subarray = 0;  // {dtype of the items, shape}
  Address fields = 0;    // dict: name to (dtype, offset, ...)
};

// False: it does not read like a dtype.
bool ArrayItems::Describe(Address descr, Description* out) noexcept {
  if (descr == 0 || !types_.IsObject(descr)) return false;
  const auto basic = Peek<std::int64_t>(cpython::TypeOf(descr), cpython::kTypeBasicSize);
  const bool is_second = basic > kFirstDescrBytes || basic == kBareDescrBytes;
  if (basic < kBareDescrBytes || !map_.IsReadable(descr, static_cast<std::size_t>(basic))) {
    return false;
  }
  out->number = Peek<int>(descr, kTypeNumber);
  if (is_second) {
    out->has_references = (Peek<std::uint8_t>(descr, 32) & kHasReferences) != 0;
    out->bytes = Peek<std::int64_t>(descr, 40);
    if (basic > kFirstDescrBytes) {
      out->subarray = PeekPointer(descr, 88);
      out->fields = PeekPointer(descr, 96);
    }
  } else {
    out->has_references = (Peek<std::uint8_t>(descr, 27) & kHasReferences) != 0;
    out->bytes = Peek<std::int32_t>(descr, 32);
    out->subarray = PeekPointer(descr, 40);
    out->fields = PeekPointer(descr, 48);
  }
  return out->bytes >= 0 && out->bytes <= kMaxItemBytes;
}

ArrayBuffer ArrayItems::BufferOf(Address array) noexcept {
  const Address data = PeekPointer(array, kData);
  const int dimensions = Peek<int>(array, kDimensions);
  const Address lengths = PeekPointer(array, kLengths);
  Description item;
  if ((Peek<int>(array, kFlags) & kOwnsData) == 0 || data == 0) return {};
  if (dimensions < 0 || dimensions > kMaxDimensions || !map_.IsReadable(data, 1)) return {};
  if (!Describe(PeekPointer(array, kDescr), &item)) return {};
  std::int64_t bytes = item.bytes;
  for (int i = 0; i < dimensions; ++i) {
    const auto length = Peek<std::int64_t>(lengths + static_cast<Address>(i) * 8, 0);
    if (length < 0 || __builtin_mul_overflow(bytes, length, &bytes) || bytes > kMaxArrayItemBytes)
      return {};
  }
  return {data, static_cast<std::uint64_t>(bytes)};
}

void ArrayItems::CollectFields(const Description& record, std::uint64_t offset, int depth,
                               ItemReferences* out) noexcept {
  if (!types_.IsObject(record.fields) || cpython::TypeOf(record.fields) != g_python_api.dict_type) {
    return;
  }
  const DictTable table = FindTable(record.fields);
  if (table.values != 0) return;
  for (std::int64_t i = 0; i < table.count; ++i) {
    const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
    const Address field = PeekPointer(entry, table.entry_bytes - 8);
    if (field == 0 || !types_.IsObject(field) ||
        cpython::TypeOf(field) != g_python_api.tuple_type ||
        Peek<std::int64_t>(field, cpython::kVarSize) < 2) {
      continue;
    }
    const std::uint32_t items = g_agent.python.layout->tuple_items;
    std::int64_t at = 0;
    if (!PeekSmallInt(PeekPointer(field, items + 8), &at) || at < 0 || at > kMaxItemBytes) continue;
    Collect(PeekPointer(field, items), offset + static_cast<std::uint64_t>(at), depth, out);
  }
}

void ArrayItems::Collect(Address descr, std::uint64_t offset, int depth,
                         ItemReferences* out) noexcept {
  Description item;
  if (depth == 0 || !Describe(descr, &item)) return;
  if (item.number == kObjectNumber) {
    // A field with a title is in the dict twice.
    for (const std::uint32_t known : out->offsets) {
      if (known == offset) return;
    }
    if (!out->offsets.Push(static_cast<std::uint32_t>(offset))) out->is_cut = true;
    return;
  }
  if (!item.has_references) return;
  if (item.subarray != 0 && map_.IsReadable(item.subarray, 16)) {
    const Address base = PeekPointer(item.subarray, 0);
    Description part;
    if (!Describe(base, &part) || part.bytes == 0) return;
    for (std::int64_t at = 0; at + part.bytes <= item.bytes; at += part.bytes) {
      if (out->is_cut) return;
      Collect(base, offset + static_cast<std::uint64_t>(at), depth - 1, out);
    }
    return;
  }
  if (item.fields != 0) CollectFields(item, offset, depth - 1, out);
}

ItemReferences ArrayItems::ReferencesOf(Address array) noexcept {
  ItemReferences references;
  Description item;
  const Address descr = PeekPointer(array, kDescr);
  if (!Describe(descr, &item)) return references;
  Collect(descr, 0, kMaxArrayDepth, &references);
  references.item_bytes = static_cast<std::uint32_t>(item.bytes);
  const bool is_sound =
      std::all_of(references.offsets.begin(), references.offsets.end(),
                  [&](std::uint32_t offset) { return offset + 8 <= references.item_bytes; });
  if (!is_sound) references.offsets.Clear();
  return references;
}

}  // namespace memwhy::agent
