// SPDX-License-Identifier: Apache-2.0
//
// Decodes the records of one thread's event stream (grammar: wire/event.h), piece by piece. Carries
// the stream's running state (time, address, size, stack) from record to record. The bytes are
// hostile: every read is checked, and nothing is believed beyond what fits the grammar; whether ids
// exist is the caller's check. One thread; no allocation.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "wire/event.h"
#include "wire/varint.h"

namespace memwhy::session {

// One record; only the fields of its kind mean something.
struct Record {
  wire::EventKind kind{};
  wire::Allocator allocator{};
  std::uint64_t ticks = 0;        // time; of realloc and remap: before the call
  std::uint64_t ticks_after = 0;  // realloc, remap
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t old_address = 0;  // realloc, remap
  std::uint64_t old_size = 0;     // remap
  std::uint64_t stack = 0;
  std::uint64_t a = 0;  // the record's plain numbers in the order of the grammar
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  std::uint64_t sums[10] = {};  // kFolded
  std::string_view text[4];     // its texts in that order; they point into the piece
};

// Whether the record stands at a time (then `ticks` is valid).
constexpr bool HasTime(wire::EventKind kind) {
  using enum wire::EventKind;
  switch (kind) {
    case kMalloc:
    case kCalloc:
    case kAllocate:
    case kFree:
    case kRealloc:
    case kMap:
    case kUnmap:
    case kRemap:
    case kAdvise:
    case kArenaFree:
    case kThreadEnd:
    case kMark:
    case kFork:
    case kObjectAllocate:
    case kObjectFree:
      return true;
    case kDefineNode:
    case kDefineCode:
    case kDefineModule:
    case kCodeModule:
    case kThread:
    case kThreadName:
    case kLost:
    case kTime:
    case kPrivate:
    case kHeld:
    case kFolded:
    case kState:
      return false;
  }
  return false;
}

// "malloc", "define_node": how inspect names records.
const char* EventKindName(wire::EventKind kind);

class StreamDecoder {
 public:
  enum class Step { kRecord, kEndOfPiece, kDamaged };

  explicit StreamDecoder(std::uint64_t start_ticks = 0) : ticks_(start_ticks) {}

  // The next piece; the bytes must live until it is read.
  void SetPiece(std::span<const std::uint8_t> piece) {
    begin_ = position_ = piece.data();
    end_ = position_ + piece.size();
  }
  // After kDamaged, position() is where the bad record starts.
  Step Next(Record* record);
  std::size_t position() const { return static_cast<std::size_t>(position_ - begin_); }
  // The running state: the previous time, address >> 3, size and stack.
  struct State {
    std::uint64_t ticks;
    std::uint64_t unit;
    std::uint64_t size;
    std::uint64_t stack;
  };
  State state() const { return {ticks_, unit_, size_, stack_}; }
  // Goes over the next `bytes`, which the caller has decoded and which lead to this state.
  void Skip(std::size_t bytes, const State& state) {
    position_ += bytes;
    ticks_ = state.ticks;
    unit_ = state.unit;
    size_ = state.size;
    stack_ = state.stack;
  }
  std::uint64_t ticks() const { return ticks_; }
  std::uint64_t unit() const { return unit_; }
  std::uint64_t size() const { return size_; }
  std::uint64_t stack() const { return stack_; }

 private:
  bool Number(std::uint64_t* value) {
    // One byte is the common case.
    if (cursor_ != end_ && *cursor_ < 0x80) {
      *value = *cursor_++;
      return true;
    }
    const std::uint8_t* after = wire::GetVarint(cursor_, end_, value);
    if (after == nullptr) return false;
    cursor_ = after;
    return true;
  }
  bool Time(std::uint64_t* value) {
    std::uint64_t delta = 0;
    if (!Number(&delta) || __builtin_add_overflow(ticks_, delta, &ticks_)) return false;
    *value = ticks_;
    return true;
  }
  bool Address(std::uint64_t* value) {
    std::uint64_t folded = 0;
    if (!Number(&folded)) return false;
    unit_ += static_cast<std::uint64_t>(wire::UnZigZag(folded));
    *value = unit_ << 3;
    return true;
  }
  bool Size(std::uint8_t flags, std::uint64_t* value) {
    if ((flags & wire::kSameSize) == 0 && !Number(&size_)) return false;
    *value = size_;
    return true;
  }
  bool Stack(std::uint8_t flags, std::uint64_t* value) {
    if ((flags & wire::kSameStack) == 0 && !Number(&stack_)) return false;
    *value = stack_;
    return true;
  }
  bool AllocatorByte(Record* record) {
    if (cursor_ == end_ || *cursor_ >= wire::kAllocatorCount) return false;
    record->allocator = static_cast<wire::Allocator>(*cursor_++);
    return true;
  }
  bool Text(std::uint32_t limit, std::string_view* text);
  bool Body(std::uint8_t flags, Record* record);
  bool RareBody(std::uint8_t flags, Record* record);

  const std::uint8_t* begin_ = nullptr;
  const std::uint8_t* position_ = nullptr;  // start of the next record
  const std::uint8_t* cursor_ = nullptr;    // inside of the current one
  const std::uint8_t* end_ = nullptr;
  std::uint64_t ticks_;
  std::uint64_t unit_ = 0;  // previous address >> 3
  std::uint64_t size_ = 0;
  std::uint64_t stack_ = 0;
};

inline bool StreamDecoder::Body(std::uint8_t flags, Record* record) {
  using enum wire::EventKind;
  switch (record->kind) {
    case kMalloc:
    case kCalloc:
      record->allocator =
          record->kind == kMalloc ? wire::Allocator::kMalloc : wire::Allocator::kCalloc;
      return Time(&record->ticks) && Address(&record->address) && Size(flags, &record->size) &&
             Stack(flags, &record->stack);
    case kAllocate:
    case kMap:
    case kObjectAllocate:
      return AllocatorByte(record) && Time(&record->ticks) && Address(&record->address) &&
             Size(flags, &record->size) && Stack(flags, &record->stack);
    case kFree:
    case kArenaFree:
    case kObjectFree:
      return Time(&record->ticks) && Address(&record->address);
    case kRealloc:
      return AllocatorByte(record) && Time(&record->ticks) && Address(&record->old_address) &&
             Time(&record->ticks_after) && Address(&record->address) &&
             Size(flags, &record->size) && Stack(flags, &record->stack);
    default:
      return RareBody(flags, record);
  }
}

inline StreamDecoder::Step StreamDecoder::Next(Record* record) {
  if (position_ == end_) return Step::kEndOfPiece;
  const std::uint8_t tag = *position_;
  record->kind = static_cast<wire::EventKind>(tag & wire::kKindMask);
  cursor_ = position_ + 1;
  if (!Body(tag, record)) return Step::kDamaged;
  position_ = cursor_;
  return Step::kRecord;
}

}  // namespace memwhy::session
