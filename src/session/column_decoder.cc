// SPDX-License-Identifier: Apache-2.0
#include "session/column_decoder.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "session/address_model.h"
#include "session/format.h"
#include "session/pieces.h"
#include "wire/event.h"
#include "wire/varint.h"

namespace memwhy::session {
namespace {

// A record without text is no longer.
constexpr std::size_t kShortRecord = 96;

}  // namespace

// One column, unpacked; reading past its end makes it bad and gives zeros.
struct ColumnDecoder::Cursor {
  const std::uint8_t* at = nullptr;
  const std::uint8_t* end = nullptr;
  bool is_bad = false;

  std::uint8_t Byte() {
    if (at == end) {
      is_bad = true;
      return 0;
    }
    return *at++;
  }
  std::uint64_t Number() {
    if (at != end && *at < 0x80) return *at++;
    std::uint64_t value = 0;
    const std::uint8_t* after = wire::GetVarint(at, end, &value);
    if (after == nullptr) {
      is_bad = true;
      return 0;
    }
    at = after;
    return value;
  }
};

struct ColumnDecoder::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ColumnBytes bytes[kColumnCount];
  Cursor columns[kColumnCount];
  AddressModel model;
  std::uint64_t unpacked = 0;     // bytes of all columns
  std::vector<std::uint8_t> run;  // the records of one piece
  std::uint8_t* out = nullptr;
  std::uint64_t parent = 0;
  // Of the run.
  std::uint64_t unit = 0;
  std::uint64_t put_unit = 0;  // the address before, in the unfolded stream
  std::uint64_t size = 0;
  std::uint64_t times = 0;
  std::uint64_t origin = 0;
  std::uint64_t rounded = 0;
  std::uint64_t put_time = 0;
  unsigned shift = 0;
  bool is_bad = false;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeDCtx(context); }

  Cursor& Of(Column column) { return columns[static_cast<std::size_t>(column)]; }
  Result<void> Unpack(std::span<const std::uint8_t> block);
  bool Run(std::vector<std::uint8_t>* raw);
  void Unfold(std::uint8_t tag);
  void Room(std::size_t room);
  void Put(std::uint64_t value) { out = wire::PutVarint(out, value); }
  void Time();
  std::uint64_t Address();
  std::uint64_t Given();
  std::uint64_t Taken();
  void PutAddress(std::uint64_t address);
  void Size(std::uint8_t tag);
  void PutSizeAndStack(std::uint8_t tag);
  void Number() { Put(Of(Column::kNumbers).Number()); }
  void Text(std::uint32_t limit);
};

ColumnDecoder::ColumnDecoder() : state_(std::make_unique<State>()) {}
ColumnDecoder::~ColumnDecoder() = default;
ColumnDecoder::ColumnDecoder(ColumnDecoder&&) noexcept = default;
ColumnDecoder& ColumnDecoder::operator=(ColumnDecoder&&) noexcept = default;

Result<void> ColumnDecoder::Decode(std::span<const std::uint8_t> block,
                                   std::vector<std::uint8_t>* raw) {
  State& state = *state_;
  raw->clear();
  MEMWHY_TRY_VOID(state.Unpack(block));
  state.model.Reset();
  state.parent = 0;
  state.is_bad = false;
  while (state.Of(Column::kHeads).at != state.Of(Column::kHeads).end) {
    if (!state.Run(raw)) return Error("a block of columns does not decode");
  }
  return {};
}

Result<void> ColumnDecoder::State::Unpack(std::span<const std::uint8_t> block) {
  Cursor in{block.data(), block.data() + block.size()};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    const std::uint64_t raw = in.Number();
    const std::uint64_t stored = in.Number();
    const auto left = static_cast<std::uint64_t>(in.end - in.at);
    if (in.is_bad || stored > left || raw > kMaxPiecesBytes || stored > raw ||
        !MayBePacked(raw, stored)) {
      return Error("a block of columns has a column of a wrong size");
    }
    total += raw;
    if (total > kMaxPiecesBytes) return Error("a block of columns is larger than any block");
    columns[i] = {in.at, in.at + stored};
    if (stored < raw) {
      bytes[i].resize(raw);
      if (context == nullptr) return Error("no memory to decompress");
      const std::size_t got = ZSTD_decompressDCtx(context, bytes[i].data(), raw, in.at, stored);
      if (ZSTD_isError(got) != 0) return Error::Of("zstd: {}", ZSTD_getErrorName(got));
      if (got != raw) return Error("a column is shorter than it says");
      columns[i] = {bytes[i].data(), bytes[i].data() + raw};
    }
    in.at += stored;
  }
  unpacked = total;
  if (std::any_of(in.at, in.end, [](std::uint8_t byte) { return byte != 0; })) {
    return Error("a block of columns is longer than its columns");
  }
  return {};
}

std::uint64_t ColumnDecoder::unpacked_bytes() const { return state_->unpacked; }

bool ColumnDecoder::State::Run(std::vector<std::uint8_t>* raw) {
  Cursor& heads = Of(Column::kHeads);
  const std::uint64_t process = heads.Number();
  const std::uint64_t thread = heads.Number();
  const std::uint64_t offset = heads.Number();
  const std::uint64_t stream_bytes = heads.Number();
  const std::uint64_t records = heads.Number();
  times = heads.Number();
  const std::uint64_t shift_number = heads.Number();
  origin = heads.Number();
  unit = put_unit = heads.Number();
  size = heads.Number();
  heads.Number();  // the stack; for readers that follow it
  Cursor& tags = Of(Column::kTags);
  if (heads.is_bad || process >= kMaxProcesses || thread >= kMaxThreads || shift_number > 32 ||
      records > static_cast<std::uint64_t>(tags.end - tags.at)) {
    return false;
  }
  shift = static_cast<unsigned>(shift_number);
  rounded = 0;
  put_time = 0;
  if (run.size() < 4096) run.resize(4096);
  out = run.data();
  for (std::uint64_t i = 0; i < records; ++i) {
    Room(kShortRecord);
    Unfold(*tags.at++);
    if (is_bad || static_cast<std::size_t>(out - run.data()) > kMaxPiecesBytes) return false;
  }
  for (const Cursor& column : columns) {
    if (column.is_bad) return false;
  }
  const auto length = static_cast<std::size_t>(out - run.data());
  if (raw->size() + length > kMaxPiecesBytes) return false;
  AppendPieceHead(static_cast<std::uint32_t>(process), static_cast<std::uint32_t>(thread), offset,
                  stream_bytes, length, raw);
  raw->insert(raw->end(), run.data(), out);
  return true;
}

void ColumnDecoder::State::Room(std::size_t room) {
  const auto used = static_cast<std::size_t>(out - run.data());
  if (run.size() - used >= room) return;
  run.resize(2 * run.size() + room);
  out = run.data() + used;
}

void ColumnDecoder::State::Time() {
  const std::uint64_t value = Of(Column::kTimes).Number();
  if (shift == 0) return Put(value);
  std::uint64_t time = 0;
  if (times > 1) {
    rounded += value;
    time = origin + (rounded << shift);
  } else {
    time = origin + (rounded << shift) + value;
  }
  if (times-- == 0) is_bad = true;
  Put(time - put_time);
  put_time = time;
}

std::uint64_t ColumnDecoder::State::Address() {
  unit += static_cast<std::uint64_t>(wire::UnZigZag(Of(Column::kAddresses).Number()));
  return unit << 3;
}

std::uint64_t ColumnDecoder::State::Given() {
  const std::uint8_t token = Of(Column::kTokens).Byte();
  if (token == AddressModel::kNone) return model.GiveBy(token, Address());
  const std::uint64_t address = model.GiveBy(token, 0);
  if (address == 0) is_bad = true;
  unit = address >> 3;
  return address;
}

std::uint64_t ColumnDecoder::State::Taken() {
  const std::uint8_t token = Of(Column::kTokens).Byte();
  if (token == AddressModel::kNone) return model.TakeBy(token, Address(), size);
  const std::uint64_t address = model.TakeBy(token, 0, size);
  if (address == 0) is_bad = true;
  unit = address >> 3;
  return address;
}

void ColumnDecoder::State::PutAddress(std::uint64_t address) {
  const std::uint64_t now = address >> 3;
  Put(wire::ZigZag(static_cast<std::int64_t>(now - put_unit)));
  put_unit = now;
}

void ColumnDecoder::State::Size(std::uint8_t tag) {
  if ((tag & wire::kSameSize) == 0) size = Of(Column::kSizes).Number();
}

void ColumnDecoder::State::PutSizeAndStack(std::uint8_t tag) {
  if ((tag & wire::kSameSize) == 0) Put(size);
  if ((tag & wire::kSameStack) == 0) Put(Of(Column::kStacks).Number());
}

void ColumnDecoder::State::Text(std::uint32_t limit) {
  const std::uint64_t length = Of(Column::kNumbers).Number();
  Cursor& text = Of(Column::kText);
  if (length > limit || length > static_cast<std::uint64_t>(text.end - text.at)) {
    is_bad = true;
    return;
  }
  Room(kShortRecord + length);
  Put(length);
  if (length != 0) std::memcpy(out, text.at, length);
  out += length;
  text.at += length;
}

// One record, from the columns (in ColumnEncoder::AddRecord's order) to the stream's grammar.
void ColumnDecoder::State::Unfold(std::uint8_t tag) {
  using enum wire::EventKind;
  *out++ = tag;
  const auto kind = static_cast<wire::EventKind>(tag & wire::kKindMask);
  switch (kind) {
    case kAllocate:
    case kObjectAllocate:
      *out++ = Of(Column::kAllocators).Byte();
      [[fallthrough]];
    case kMalloc:
    case kCalloc:
      Time();
      Size(tag);
      PutAddress(Taken());
      PutSizeAndStack(tag);
      break;
    case kFree:
    case kArenaFree:
    case kObjectFree:
      Time();
      PutAddress(Given());
      break;
    case kRealloc:
      *out++ = Of(Column::kAllocators).Byte();
      Time();
      PutAddress(Given());
      Time();
      Size(tag);
      PutAddress(Taken());
      PutSizeAndStack(tag);
      break;
    case kMap:
      *out++ = Of(Column::kAllocators).Byte();
      Time();
      PutAddress(Address());
      Size(tag);
      PutSizeAndStack(tag);
      break;
    case kUnmap:
      Time();
      PutAddress(Address());
      Number();
      break;
    case kRemap:
      Time();
      PutAddress(Address());
      Number();
      Time();
      PutAddress(Address());
      Size(tag);
      PutSizeAndStack(tag);
      break;
    case kAdvise:
      Time();
      PutAddress(Address());
      Number();
      Number();
      break;
    case kDefineNode:
      parent += static_cast<std::uint64_t>(wire::UnZigZag(Of(Column::kParents).Number()));
      Put(parent);
      Put(Of(Column::kCodes).Number());
      Put(Of(Column::kInstructions).Number());
      break;
    case kDefineCode:
      Number();
      Number();
      Text(wire::kMaxNameBytes);
      Text(wire::kMaxFileBytes);
      Text(wire::kMaxNameBytes);
      Text(wire::kMaxLineTableBytes);
      break;
    case kDefineModule:
      Number();
      Number();
      Text(wire::kMaxFileBytes);
      Text(wire::kMaxBuildIdBytes);
      break;
    case kCodeModule:
      Number();
      Text(wire::kMaxNameBytes);
      break;
    case kThread:
      Number();
      Number();
      Number();
      Text(wire::kMaxNameBytes);
      break;
    case kThreadName:
      Text(wire::kMaxNameBytes);
      break;
    case kThreadEnd:
      Time();
      break;
    case kMark:
      Time();
      Number();
      Text(wire::kMaxMarkBytes);
      break;
    case kFork:
      Time();
      Number();
      Number();
      break;
    case kLost:
    case kPrivate:
      Number();
      Number();
      break;
    case kTime:
      Number();
      break;
    default:
      is_bad = true;
  }
}

}  // namespace memwhy::session
