// SPDX-License-Identifier: Apache-2.0
//
// Pieces of event streams field by field: all tags, then all times, and so on, each compressed on
// its own, which takes a third of the bytes of the streams as they come. A block stands alone.
//
//   kColumns := column[Column::kCount] 0*         in the order of Column; zeros: PaddingFor
//   column   := v(raw bytes) v(stored bytes) bytes    one zstd frame where stored < raw
//   kHeads   := head*
//   head     := v(process) v(thread) v(stream offset) v(stream bytes) v(records) v(times) v(shift)
//               v(origin) v(address >> 3) v(size) v(stack)
//
// The last three of a head are the stream's previous address, size and stack before the piece
// (wire/event.h). Of each record the tag goes to kTags and each field to the column of its sort;
// the addresses of blocks are tokens of AddressModel, and with kNone and for mappings the
// difference to the stream's previous address, as in the stream.
//
// Times. With shift 0 they are the ticks since the previous time, exact. Else they are rounded down
// to multiples of 2^shift ticks after `origin` (ticks after the stream's time at the piece's
// start): the column has the differences of the multiples, and for the last time of the piece,
// which is exact, the ticks since the rounded one before it. So what follows a piece keeps its
// time. Only pieces that nobody else's event can fall between are rounded (TimePrecision), and
// forks and marks end a rounded piece: orders that a replay shows stay what they were. Why:
// docs/decisions/0007.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memwhy::session {

enum class Column : std::uint8_t {
  kHeads,
  kTags,
  kTimes,
  kTokens,
  kAddresses,
  kSizes,
  kStacks,
  kAllocators,
  kParents,  // of nodes, as the difference to the previous one's
  kCodes,
  kInstructions,
  kNumbers,  // all others; lengths of texts
  kText,
  kCount,
};
inline constexpr std::size_t kColumnCount = static_cast<std::size_t>(Column::kCount);
using ColumnBytes = std::vector<std::uint8_t>;

// Rounded: no other stream of the session has an event since the last piece that was written of it,
// nor one under way (the caller has looked twice), and all have the same clock, so that the order
// among streams cannot change.
enum class TimePrecision : std::uint8_t { kExact, kRounded };
// 2^16 ticks of about 10 ns: 0.7 ms.
inline constexpr unsigned kRoundingShift = 16;

}  // namespace memwhy::session
