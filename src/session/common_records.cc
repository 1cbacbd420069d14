// SPDX-License-Identifier: Apache-2.0
//
// The records that make up most of a stream, blocks taken and given back, from the bytes of the
// stream to the columns in one pass. What it writes is what StreamDecoder::Next and AddRecord
// write; what it does not take, they do.
#include <algorithm>
#include <cstring>

#include "session/column_encoder.h"
#include "wire/varint.h"

namespace memwhy::session {
namespace {

using wire::EventKind;

// Tag, allocator, and four numbers; a number is read eight bytes at once.
constexpr std::size_t kLongest = 2 + 4 * wire::kMaxVarintBytes + 8;
constexpr std::size_t kShortest = 3;  // tag, time, address
constexpr std::size_t kBatchBytes = 4096;
constexpr std::size_t kColumnRoom = (kBatchBytes / kShortest + 1) * wire::kMaxVarintBytes + 8;

// Null when it does not fit 64 bits.
inline const std::uint8_t* TakeNumber(const std::uint8_t* in, std::uint64_t* value) {
  if (*in < 0x80) {
    *value = *in;
    return in + 1;
  }
  return wire::GetVarint(in, in + wire::kMaxVarintBytes, value);
}

// The number at `in`, which ends at `end`, once more; shorter if it could have been.
inline std::uint8_t* CopyNumber(std::uint8_t* out, const std::uint8_t* in, const std::uint8_t* end,
                                std::uint64_t value) {
  const std::ptrdiff_t length = end - in;
  if (length > 8 || (length > 1 && end[-1] == 0)) [[unlikely]] {
    return wire::PutVarint(out, value);
  }
  std::memcpy(out, in, 8);
  return out + length;
}

constexpr bool IsRelease(EventKind kind) {
  return kind == EventKind::kFree || kind == EventKind::kObjectFree;
}

constexpr bool HasAllocator(EventKind kind) {
  return kind == EventKind::kAllocate || kind == EventKind::kObjectAllocate;
}

constexpr bool IsCommon(EventKind kind) {
  return kind == EventKind::kMalloc || kind == EventKind::kCalloc || HasAllocator(kind) ||
         IsRelease(kind);
}

}  // namespace

std::uint64_t ColumnEncoder::AddCommon(std::span<const std::uint8_t> bytes,
                                       StreamDecoder* decoder) {
  if (bytes.size() < kLongest ||
      !IsCommon(static_cast<EventKind>(bytes.front() & wire::kKindMask))) {
    return 0;
  }
  const std::uint8_t* in = bytes.data();
  const std::uint8_t* const last = in + std::min(bytes.size() - kLongest, kBatchBytes);
  // All state in locals: a store of a byte may change any member for all that the compiler knows.
  StreamDecoder::State state = decoder->state();
  std::uint64_t put_unit = unit_;
  std::uint64_t rounded = rounded_;
  const std::uint64_t origin = origin_;
  const unsigned shift = shift_;
  std::uint64_t records = 0;
  std::uint8_t* tags = Reserve(Column::kTags, kColumnRoom);
  std::uint8_t* times = Reserve(Column::kTimes, kColumnRoom);
  std::uint8_t* tokens = Reserve(Column::kTokens, kColumnRoom);
  std::uint8_t* addresses = Reserve(Column::kAddresses, kColumnRoom);
  std::uint8_t* sizes = Reserve(Column::kSizes, kColumnRoom);
  std::uint8_t* stacks = Reserve(Column::kStacks, kColumnRoom);
  std::uint8_t* allocators = Reserve(Column::kAllocators, kColumnRoom);
  while (in <= last) {
    const std::uint8_t tag = *in;
    const auto kind = static_cast<EventKind>(tag & wire::kKindMask);
    if (!IsCommon(kind)) break;
    const std::uint8_t* at = in + 1;
    std::uint8_t allocator = 0;
    if (HasAllocator(kind)) {
      allocator = *at++;
      if (allocator >= wire::kAllocatorCount) break;
    }
    std::uint64_t delta = 0;
    std::uint64_t folded = 0;
    std::uint64_t now = 0;
    const std::uint8_t* const delta_at = at;
    const std::uint8_t* const folded_at = TakeNumber(delta_at, &delta);
    if (folded_at == nullptr || (at = TakeNumber(folded_at, &folded)) == nullptr ||
        __builtin_add_overflow(state.ticks, delta, &now)) {
      break;
    }
    const std::uint8_t* const folded_end = at;
    const std::uint64_t unit = state.unit + static_cast<std::uint64_t>(wire::UnZigZag(folded));
    const std::uint64_t address = unit << 3;
    std::uint8_t token = 0;
    if (IsRelease(kind)) {
      token = model_.Give(address);
    } else {
      std::uint64_t size = state.size;
      std::uint64_t stack = state.stack;
      const std::uint8_t* const size_at = at;
      if ((tag & wire::kSameSize) == 0 && (at = TakeNumber(at, &size)) == nullptr) break;
      const std::uint8_t* const stack_at = at;
      if ((tag & wire::kSameStack) == 0 && (at = TakeNumber(at, &stack)) == nullptr) break;
      if ((tag & wire::kSameSize) == 0) sizes = CopyNumber(sizes, size_at, stack_at, size);
      if ((tag & wire::kSameStack) == 0) stacks = CopyNumber(stacks, stack_at, at, stack);
      state.size = size;
      state.stack = stack;
      if (HasAllocator(kind)) *allocators++ = allocator;
      token = model_.Take(address, size);
    }
    *tags++ = tag;
    if (shift == 0) {
      times = CopyNumber(times, delta_at, folded_at, delta);
    } else {
      const std::uint64_t multiple = (state.ticks - origin) >> shift;
      times = wire::PutVarint(times, multiple - rounded);
      rounded = multiple;
    }
    *tokens++ = token;
    const std::uint64_t stored = address >> 3;
    if (token == AddressModel::kNone) {
      // The stream's own difference, unless an address was cut to 64 bits.
      const std::uint64_t difference = wire::ZigZag(static_cast<std::int64_t>(stored - put_unit));
      addresses = difference == folded ? CopyNumber(addresses, folded_at, folded_end, folded)
                                       : wire::PutVarint(addresses, difference);
    }
    put_unit = stored;
    state.ticks = now;
    state.unit = unit;
    ++records;
    in = at;
  }
  SetEnd(Column::kTags, tags);
  SetEnd(Column::kTimes, times);
  SetEnd(Column::kTokens, tokens);
  SetEnd(Column::kAddresses, addresses);
  SetEnd(Column::kSizes, sizes);
  SetEnd(Column::kStacks, stacks);
  SetEnd(Column::kAllocators, allocators);
  unit_ = put_unit;
  rounded_ = rounded;
  pending_ = state.ticks;
  times_ += records;
  decoder->Skip(static_cast<std::size_t>(in - bytes.data()), state);
  return records;
}

}  // namespace memwhy::session
