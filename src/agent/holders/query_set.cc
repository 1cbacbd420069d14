// SPDX-License-Identifier: Apache-2.0
#include "agent/holders/query_set.h"

namespace memwhy::agent {
namespace {

using cpython::Address;

constexpr unsigned kMaxFilter = 22;          // bits of the filter's index: 512 KiB
constexpr std::size_t kBitsPerValue = 64;    // of the filter
constexpr Address kMaxBody = 1024;           // that is looked for word by word
constexpr std::size_t kMaxInner = 1u << 18;  // words of bodies
constexpr Address kTag = 7;

// Where the text of a str or bytes begins; 0: of another type, or its text is nowhere ready.
Address TextOf(const cpython::Layout& layout, Address object) noexcept {
  const auto flags = cpython::Peek<std::uint64_t>(cpython::TypeOf(object), cpython::kTypeFlags);
  if ((flags & cpython::kFlagBytes) != 0) return object + cpython::kBytesData;
  if ((flags & cpython::kFlagStr) == 0) return 0;
  const auto state = cpython::Peek<std::uint32_t>(object, cpython::kStrState);
  const bool is_compact = (state >> cpython::kStrCompactShift & 1) != 0;
  const bool is_ascii = (state >> cpython::kStrAsciiShift & 1) != 0;
  if (!is_compact) return 0;
  if (is_ascii) return object + static_cast<Address>(layout.unicode_ascii_bytes);
  return cpython::PeekPointer(
      object, static_cast<std::uint32_t>(layout.unicode_ascii_bytes) + cpython::kStrUtf8AfterHead);
}

}  // namespace

QuerySet::~QuerySet() {
  if (filter_ != nullptr) UnmapRaw(filter_, FilterBytes());
  FreeRaw(texts_);
  FreeRaw(bodies_);
  FreeRaw(table_);
}

bool QuerySet::Load(const Address* ends, FaultGuard& guard) noexcept {
  if (!GrowRaw(texts_, count_ + 1) || !GrowRaw(bodies_, count_ + 1)) return false;
  const std::size_t values = 2 * count_ + TakeBodies(ends);  // each may have a text
  // Most words pass it by, so it is to be in the first cache whenever it can.
  while (filter_bits_ < kMaxFilter && std::size_t{1} << filter_bits_ < values * kBitsPerValue) {
    ++filter_bits_;
  }
  filter_ = static_cast<std::uint64_t*>(MapRaw(FilterBytes()));
  std::size_t capacity = 1024;
  while (capacity < values * 2) capacity *= 2;
  table_.items = static_cast<std::uint32_t*>(MapRaw(capacity * sizeof(std::uint32_t)));
  if (filter_ == nullptr || table_.items == nullptr) return false;
  table_.capacity = capacity;
  for (std::size_t i = 0; i < count_; ++i) {
    Insert(objects_[i], i);
    if (MEMWHY_GUARD(guard) == 0) texts_.items[i] = TextOf(layout_, objects_[i]);
    guard.Disarm();
    if (texts_.items[i] != 0) Insert(texts_.items[i], i);
    for (Address at = 8; at < bodies_.items[i]; at += 8) Insert(objects_[i] + at, i);
  }
  return true;
}

// Returns how many words there are.
std::size_t QuerySet::TakeBodies(const Address* ends) noexcept {
  std::size_t inner = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Address bytes = ends[i] > objects_[i] ? ends[i] - objects_[i] : 0;
    if (bytes > kMaxBody || inner + bytes / 8 > kMaxInner) continue;
    bodies_.items[i] = bytes;
    inner += bytes / 8;
  }
  return inner;
}

void QuerySet::Insert(Address address, std::size_t number) noexcept {
  const std::size_t bit = FilterBit(address, 64 - filter_bits_);
  filter_[bit >> 6] |= std::uint64_t{1} << (bit & 63);
  std::size_t at = Hash(address);
  while (table_.items[at] != 0) at = (at + 1) & (table_.capacity - 1);
  table_.items[at] = static_cast<std::uint32_t>(number + 1);
}

bool QuerySet::Find(Address word, Match* match) const noexcept {
  const Address value = word & ~kTag;
  if (value == 0) return false;
  for (std::size_t at = Hash(value); table_.items[at] != 0; at = (at + 1) & (table_.capacity - 1)) {
    const std::size_t i = table_.items[at] - 1;
    if (texts_.items[i] == value) {
      *match = {i, Part::kText};
    } else if (objects_[i] == value) {
      *match = {i, Part::kBegin};
    } else if (value > objects_[i] && value - objects_[i] < bodies_.items[i]) {
      *match = {i, Part::kBody};
    } else {
      continue;
    }
    return true;
  }
  return false;
}

}  // namespace memwhy::agent
