// SPDX-License-Identifier: Apache-2.0
#include "session/column_encoder.h"

#include <zstd.h>

#include <algorithm>

#include "session/format.h"
#include "wire/varint.h"

namespace memwhy::session {
namespace {

constexpr int kColumnEncoderLevel = 1;
constexpr int kTextLevel = 9;  // few bytes, long repetitions
// Shorter columns are stored as they are: a frame would be no shorter.
constexpr std::size_t kMinPacked = 32;

void Append(std::vector<std::uint8_t>* out, std::uint64_t value) {
  if (value < 0x80) {
    out->push_back(static_cast<std::uint8_t>(value));
    return;
  }
  std::uint8_t bytes[wire::kMaxVarintBytes];
  out->insert(out->end(), bytes, wire::PutVarint(bytes, value));
}

bool IsOfFolded(wire::EventKind kind) {
  using enum wire::EventKind;
  return kind == kHeld || kind == kFolded || kind == kState;
}

}  // namespace

struct ColumnEncoder::Zstd {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<std::uint8_t> packed;
  ~Zstd() { ZSTD_freeCCtx(context); }
};

ColumnEncoder::ColumnEncoder() : zstd_(std::make_unique<Zstd>()) {}
ColumnEncoder::~ColumnEncoder() = default;

const std::vector<std::uint8_t>* ColumnEncoder::Encode(std::span<const OpenPiece> pieces) {
  for (ColumnBuffer& column : columns_) column.Clear();
  model_.Reset();
  parent_ = 0;
  bool is_good = true;
  // Also after a bad piece, so that the state of the other streams goes on.
  for (const OpenPiece& piece : pieces) is_good = AddPiece(piece) && is_good;
  if (!is_good) return nullptr;
  Pack();
  return &block_;
}

bool ColumnEncoder::AddPiece(const OpenPiece& piece) {
  Stream& stream = streams_[std::uint64_t{piece.process} << 32 | piece.thread];
  if (stream.is_broken) return false;
  bool is_good = true;
  for (std::size_t begin = 0; is_good && begin < piece.bytes.size();) {
    begin = AddRun(piece, begin, &stream, &is_good);
  }
  stream.is_broken = !is_good;
  return is_good;
}

// Records from `begin` on, as one piece of the block; returns where they end.
std::size_t ColumnEncoder::AddRun(const OpenPiece& piece, std::size_t begin, Stream* stream,
                                  bool* is_good) {
  StreamDecoder& decoder = stream->decoder;
  unit_ = decoder.unit();
  const std::uint64_t head_state[] = {decoder.unit(), decoder.size(), decoder.stack()};
  start_ticks_ = pending_ = decoder.ticks();
  origin_ = latest_ + 1;
  rounded_ = 0;
  times_ = 0;
  shift_ = 0;
  may_round_ =
      piece.precision == TimePrecision::kRounded && stream->has_time && latest_ >= start_ticks_;
  const auto bytes = piece.bytes.subspan(begin);
  decoder.SetPiece(bytes);
  std::uint64_t records = 0;
  Record record;
  StreamDecoder::Step step{};
  std::size_t at = 0;
  while (true) {
    if (times_ != 0) {
      if (const std::uint64_t added = AddCommon(bytes.subspan(at), &decoder); added != 0) {
        records += added;
        at = decoder.position();
        continue;
      }
    }
    step = decoder.Next(&record);
    if (step != StreamDecoder::Step::kRecord) break;
    if (IsOfFolded(record.kind)) {  // kept as it is
      step = StreamDecoder::Step::kDamaged;
      break;
    }
    ++records;
    AddRecord(record, bytes[at]);
    at = decoder.position();
    using enum wire::EventKind;
    if (record.kind == kTime) {
      Number(Column::kNumbers, decoder.ticks());
      stream->has_time = true;
      break;
    }
    if (shift_ != 0 && (record.kind == kFork || record.kind == kMark)) break;
  }
  *is_good = step != StreamDecoder::Step::kDamaged;
  if (shift_ != 0) Number(Column::kTimes, pending_ - origin_ - (rounded_ << shift_));
  if (stream->has_time) KeepOrder(decoder.ticks());
  const std::size_t length = decoder.position();
  for (const std::uint64_t number :
       {std::uint64_t{piece.process}, std::uint64_t{piece.thread}, piece.offset + begin,
        std::uint64_t{length}, records, times_, std::uint64_t{shift_},
        shift_ != 0 ? origin_ - start_ticks_ : 0, head_state[0], head_state[1], head_state[2]}) {
    Number(Column::kHeads, number);
  }
  return begin + length;
}

void ColumnEncoder::KeepOrder(std::uint64_t ticks) { latest_ = std::max(latest_, ticks); }

void ColumnEncoder::Text(std::string_view text) {
  Number(Column::kNumbers, text.size());
  columns_[static_cast<std::size_t>(Column::kText)].Text(text);
}

void ColumnEncoder::Time(std::uint64_t ticks) {
  if (times_++ == 0 && may_round_ && ticks >= origin_) shift_ = kRoundingShift;
  if (shift_ == 0) {
    Number(Column::kTimes, ticks - pending_);
  } else if (times_ > 1) {
    const std::uint64_t rounded = (pending_ - origin_) >> shift_;
    Number(Column::kTimes, rounded - rounded_);
    rounded_ = rounded;
  }
  pending_ = ticks;
}

void ColumnEncoder::Address(std::uint64_t address) {
  const std::uint64_t unit = address >> 3;
  Number(Column::kAddresses, wire::ZigZag(static_cast<std::int64_t>(unit - unit_)));
  unit_ = unit;
}

void ColumnEncoder::Token(std::uint8_t token, std::uint64_t address) {
  Byte(Column::kTokens, token);
  if (token == AddressModel::kNone) return Address(address);
  unit_ = address >> 3;
}

void ColumnEncoder::SizeAndStack(const Record& record, std::uint8_t tag) {
  if ((tag & wire::kSameSize) == 0) Number(Column::kSizes, record.size);
  if ((tag & wire::kSameStack) == 0) Number(Column::kStacks, record.stack);
}

// The decoder reads the columns in the same order (ColumnDecoder's Unfold).
void ColumnEncoder::AddRecord(const Record& record, std::uint8_t tag) {
  using enum wire::EventKind;
  Byte(Column::kTags, tag);
  switch (record.kind) {
    case kMalloc:
    case kCalloc:
    case kAllocate:
    case kObjectAllocate:
      if (record.kind == kAllocate || record.kind == kObjectAllocate) {
        Byte(Column::kAllocators, static_cast<std::uint8_t>(record.allocator));
      }
      Time(record.ticks);
      SizeAndStack(record, tag);
      Token(model_.Take(record.address, record.size), record.address);
      break;
    case kFree:
    case kArenaFree:
    case kObjectFree:
      Time(record.ticks);
      Token(model_.Give(record.address), record.address);
      break;
    case kRealloc:
      Byte(Column::kAllocators, static_cast<std::uint8_t>(record.allocator));
      Time(record.ticks);
      Token(model_.Give(record.old_address), record.old_address);
      Time(record.ticks_after);
      SizeAndStack(record, tag);
      Token(model_.Take(record.address, record.size), record.address);
      break;
    case kMap:
      Byte(Column::kAllocators, static_cast<std::uint8_t>(record.allocator));
      Time(record.ticks);
      Address(record.address);
      SizeAndStack(record, tag);
      break;
    case kUnmap:
      Time(record.ticks);
      Address(record.address);
      Number(Column::kNumbers, record.size);
      break;
    case kRemap:
      Time(record.ticks);
      Address(record.old_address);
      Number(Column::kNumbers, record.old_size);
      Time(record.ticks_after);
      Address(record.address);
      SizeAndStack(record, tag);
      break;
    case kAdvise:
      Time(record.ticks);
      Address(record.address);
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      break;
    case kDefineNode:
      Number(Column::kParents, wire::ZigZag(static_cast<std::int64_t>(record.a - parent_)));
      parent_ = record.a;
      Number(Column::kCodes, record.b);
      Number(Column::kInstructions, record.c);
      break;
    case kDefineCode:
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      for (const std::string_view text : record.text) Text(text);
      break;
    case kDefineModule:
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      Text(record.text[0]);
      Text(record.text[1]);
      break;
    case kCodeModule:
      Number(Column::kNumbers, record.a);
      Text(record.text[0]);
      break;
    case kThread:
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      Number(Column::kNumbers, record.c);
      Text(record.text[0]);
      break;
    case kThreadName:
      Text(record.text[0]);
      break;
    case kThreadEnd:
      Time(record.ticks);
      break;
    case kMark:
      Time(record.ticks);
      Number(Column::kNumbers, record.a);
      Text(record.text[0]);
      break;
    case kFork:
      Time(record.ticks);
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      break;
    case kLost:
    case kPrivate:
      Number(Column::kNumbers, record.a);
      Number(Column::kNumbers, record.b);
      break;
    case kTime:
      break;  // AddRun: the stream's state has it
    case kHeld:
    case kFolded:
    case kState:
      break;  // AddRun: not for columns
  }
}

void ColumnEncoder::Pack() {
  block_.clear();
  std::uint64_t unpacked = 0;
  std::vector<std::uint8_t>& packed = zstd_->packed;
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    const auto raw = columns_[i].bytes();
    Append(&block_, raw.size());
    unpacked += raw.size();
    if (zstd_->context != nullptr && raw.size() >= kMinPacked) {
      packed.resize(ZSTD_compressBound(raw.size()));
      const std::size_t size = ZSTD_compressCCtx(
          zstd_->context, packed.data(), packed.size(), raw.data(), raw.size(),
          static_cast<Column>(i) == Column::kText ? kTextLevel : kColumnEncoderLevel);
      if (ZSTD_isError(size) == 0 && size < raw.size() && MayBePacked(raw.size(), size)) {
        Append(&block_, size);
        block_.insert(block_.end(), packed.data(), packed.data() + size);
        continue;
      }
    }
    Append(&block_, raw.size());
    block_.insert(block_.end(), raw.begin(), raw.end());
  }
  block_.resize(block_.size() + PaddingFor(unpacked, block_.size()));
}

}  // namespace memwhy::session
