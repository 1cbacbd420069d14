// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/object_size.h"

#include "agent/ground/agent.h"
#include "agent/python/dict_table.h"
#include "cpython/attributes.h"

namespace memwhy::agent {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

namespace {

constexpr std::int64_t kMaxPlausibleItems = std::int64_t{1} << 40;  // a length beyond is damage

// What the rule of the type says, attribute values left out.
std::int64_t RuleBytes(const DumpType& facts, Address object, const MemoryMap& map) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  std::int64_t bytes = 0;
  switch (facts.size) {
    case ObjectSize::kFixed:
      break;
    case ObjectSize::kItems: {
      const auto count = Peek<std::int64_t>(object, cpython::kVarSize);
      if (facts.kind == ObjectKind::kType) {
        bytes = count > 0 && count < 4096 ? count * facts.item_bytes : 0;
      } else if (count > 0 && count < kMaxPlausibleItems) {
        bytes = count * facts.item_bytes;
        // Not every type that has items counts them in ob_size.
        if (!map.IsReadable(object, static_cast<std::size_t>(facts.basic_bytes + bytes))) bytes = 0;
      }
      break;
    }
    case ObjectSize::kInt: {
      // From 3.12 on ob_size is lv_tag: digits << 3 | flags.
      const auto size = Peek<std::int64_t>(object, cpython::kVarSize);
      std::int64_t digits = layout.minor >= 12 ? size >> 3 : size < 0 ? -size : size;
      if (digits == 0 && layout.minor >= 11) digits = 1;  // zero has one since
      const std::int64_t own = (facts.basic_bytes - cpython::kIntDigits) /
                               cpython::kIntDigitBytes;  // 3.12+: one digit is in the type's
      if (digits > own && digits < kMaxPlausibleItems)
        bytes = cpython::kIntDigitBytes * (digits - (own > 0 && own < 2 ? own : 0));
      break;
    }
    case ObjectSize::kStr: {
      const auto length = Peek<std::int64_t>(object, cpython::kStrLength);
      if (length < 0 || length > kMaxPlausibleItems) break;
      const auto state = Peek<std::uint32_t>(object, cpython::kStrState);
      const std::uint32_t kind = (state >> cpython::kStrKindShift) & 7;
      const bool is_compact = ((state >> cpython::kStrCompactShift) & 1) != 0;
      const bool is_ascii = ((state >> cpython::kStrAsciiShift) & 1) != 0;
      const std::int64_t text = (length + 1) * (is_ascii ? 1 : kind);
      const std::int64_t head = !is_compact ? facts.basic_bytes  // its text lies apart
                                : is_ascii  ? layout.unicode_ascii_bytes
                                            : layout.unicode_compact_bytes;
      bytes = head - layout.unicode_ascii_bytes + text;
      break;
    }
    case ObjectSize::kOrderedDict:
      if (PeekPointer(object, cpython::kOrderedFastNodes) != 0) {
        const auto fast = Peek<std::int64_t>(object, cpython::kOrderedFastNodesSize);
        if (fast > 0 && fast < kMaxPlausibleItems) bytes += 8 * fast;
      }
      bytes += cpython::kOrderedNodeBytes * Peek<std::int64_t>(object, layout.dict_used);
      [[fallthrough]];
    case ObjectSize::kDict: {
      const Address keys = KeyTableOf(object);
      if (keys == 0) break;
      const int log2 = KeysLog2(keys);
      if (log2 < 3 || log2 > 40) break;  // the empty table that all share
      const Address values = PeekPointer(object, layout.dict_values);
      if (values == 0) {
        bytes += layout.keys_indices + IndexBytes(keys) + UsableEntries(log2) * EntryBytes(keys);
      } else if (!FindTable(object).is_embedded) {
        bytes += UsableEntries(log2) * 8;
      }
      break;
    }
    case ObjectSize::kList: {
      const auto allocated = Peek<std::int64_t>(object, cpython::kListAllocated);
      if (allocated > 0 && allocated < kMaxPlausibleItems) bytes = 8 * allocated;
      break;
    }
    case ObjectSize::kSet: {
      // The first few entries lie in the object.
      const auto mask = Peek<std::int64_t>(object, cpython::kSetMask);
      if (mask >= cpython::kSetInlineEntries && mask < kMaxPlausibleItems) {
        bytes = (mask + 1) * cpython::kSetEntryBytes;
      }
      break;
    }
    case ObjectSize::kByteArray: {
      const auto allocated = Peek<std::int64_t>(object, cpython::kByteArrayAllocated);
      if (allocated > 0 && allocated < kMaxPlausibleItems) bytes = allocated;
      break;
    }
    case ObjectSize::kArray: {
      const auto allocated = Peek<std::int64_t>(object, cpython::kArrayAllocated);
      const Address kind = PeekPointer(object, cpython::kArrayItem);
      if (allocated <= 0 || allocated > kMaxPlausibleItems || !map.IsReadable(kind, 8)) break;
      const auto item = Peek<std::int32_t>(kind, cpython::kArrayItemBytes);
      if (item > 0 && item <= 16) bytes = allocated * item;
      break;
    }
    case ObjectSize::kDeque: {
      // Blocks of items; the first item stands at leftindex of its block.
      constexpr std::int64_t kItems = cpython::kDequeBlockItems;
      const auto length = Peek<std::int64_t>(object, cpython::kVarSize);
      const auto left = Peek<std::int64_t>(object, cpython::kDequeLeftIndex);
      if (length >= 0 && length < kMaxPlausibleItems && left >= 0 && left <= kItems) {
        bytes =
            cpython::kDequeBlockBytes * (length == 0 ? 1 : (left + length + kItems - 1) / kItems);
      }
      break;
    }
    case ObjectSize::kCode: {
      if (layout.minor >= 11) {
        const auto units = Peek<std::int64_t>(object, cpython::kVarSize);
        if (units > 0 && units < kMaxPlausibleItems) bytes = units * 2;
      }
      break;
    }
    case ObjectSize::kFrame: {
      if (layout.minor <= 10) {
        const auto words = Peek<std::int64_t>(object, cpython::kVarSize);
        if (words > 0 && words < kMaxPlausibleItems) bytes = words * 8;
      }
      break;
    }
    case ObjectSize::kGenerator: {
      if (layout.minor < 11) break;
      const Address code = PeekPointer(object + layout.generator_frame, layout.frame_code) &
                           ~Address{layout.frame_tag};
      if (code == 0 || !map.IsReadable(code, 128)) break;
      const int words =
          Peek<int>(code, layout.code_locals_count) + Peek<int>(code, layout.code_stack_size);
      if (words > 0 && words < 1 << 20) bytes = std::int64_t{8} * words;
      break;
    }
  }
  return bytes;
}

// The values of attributes that no dict has.
std::int64_t ValueBytes(const DumpType& facts, Address object) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  if (!facts.has_attributes || layout.minor < 11) return 0;
  const cpython::Attributes found = cpython::FindAttributes(layout, object);
  if (found.values == 0) return 0;
  // 3.13 has them in the object, before in a block of their own: a head and the values.
  const Address keys = PeekPointer(facts.type, layout.type_cached_keys);
  // Before 3.13: as many as the table had room for, behind a head of a byte each and two more.
  const std::int64_t capacity =
      layout.minor >= 13 ? std::int64_t{Peek<std::uint8_t>(found.values - layout.values_first,
                                                           layout.values_capacity)}
                         : Peek<std::int64_t>(keys, layout.keys_usable) + found.count;
  if (capacity < 0 || capacity >= 256) return 0;
  return 8 * capacity +
         (layout.minor >= 13 ? std::int64_t{layout.values_first} : (capacity + 2 + 7) / 8 * 8);
}

// What a str may keep beside its text: a copy in UTF-8, made when C code asked for it
// (PyUnicode_AsUTF8AndSize). Of an ASCII text that is the text itself.
struct Utf8Copy {
  Address address = 0;  // 0: there is none
  std::int64_t bytes = 0;
};

// PyCompactUnicodeObject: PyASCIIObject, utf8_length, utf8.
Utf8Copy Utf8CopyOf(Address str) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  const auto state = Peek<std::uint32_t>(str, cpython::kStrState);
  const bool is_compact = ((state >> cpython::kStrCompactShift) & 1) != 0;
  if (is_compact && ((state >> cpython::kStrAsciiShift) & 1) != 0) return {};
  const auto length = Peek<std::int64_t>(str, layout.unicode_ascii_bytes);
  const Address utf8 = PeekPointer(str, layout.unicode_ascii_bytes + 8);
  const Address text = is_compact ? str + layout.unicode_compact_bytes
                                  : PeekPointer(str, layout.unicode_compact_bytes);
  if (utf8 == 0 || utf8 == text || length < 0 || length > kMaxPlausibleItems) return {};
  return {utf8, length + 1};
}

bool IsTextApart(Address str) noexcept {
  return (Peek<std::uint32_t>(str, cpython::kStrState) >> cpython::kStrCompactShift & 1) == 0;
}

}  // namespace

std::int64_t ExtraBytes(const DumpType& facts, Address object, const MemoryMap& map) noexcept {
  const std::int64_t bytes = RuleBytes(facts, object, map) + ValueBytes(facts, object);
  return facts.size == ObjectSize::kStr ? bytes + Utf8CopyOf(object).bytes : bytes;
}

std::int64_t InlineBytes(const DumpType& facts, Address object, const MemoryMap& map) noexcept {
  const std::int64_t values = g_agent.python.layout->minor >= 13 ? ValueBytes(facts, object) : 0;
  switch (facts.size) {
    case ObjectSize::kDict:
    case ObjectSize::kOrderedDict:
    case ObjectSize::kList:
    case ObjectSize::kSet:
    case ObjectSize::kByteArray:
    case ObjectSize::kArray:
    case ObjectSize::kDeque:
      return values;
    case ObjectSize::kStr:
      // fixed_bytes are those of the smallest str.
      if (IsTextApart(object)) {
        return facts.basic_bytes - g_agent.python.layout->unicode_ascii_bytes + values;
      }
      break;
    default:
      break;
  }
  return RuleBytes(facts, object, map) + values;
}

Address BufferBehind(const DumpType& facts, Address object) noexcept {
  if (facts.size == ObjectSize::kByteArray) return PeekPointer(object, cpython::kByteArrayBuffer);
  if (facts.size == ObjectSize::kArray) return PeekPointer(object, cpython::kArrayItems);
  // A compact text lies in its object; another's pointer is the last member of PyUnicodeObject.
  const std::int64_t text_at = g_agent.python.layout->unicode_compact_bytes;
  return IsTextApart(object) ? PeekPointer(object, static_cast<std::uint32_t>(text_at)) : 0;
}

Address Utf8BlockOf(const DumpType& facts, Address object) noexcept {
  return facts.size == ObjectSize::kStr ? Utf8CopyOf(object).address : 0;
}

bool HasExtraBytes(const DumpType& facts) noexcept {
  return facts.size != ObjectSize::kFixed || (facts.has_attributes && TheLayout().minor >= 11);
}

bool HasOwnTable(ObjectSize size) noexcept {
  return size == ObjectSize::kDict || size == ObjectSize::kOrderedDict ||
         size == ObjectSize::kList || size == ObjectSize::kSet || size == ObjectSize::kByteArray ||
         size == ObjectSize::kArray;
}

}  // namespace memwhy::agent
