// SPDX-License-Identifier: Apache-2.0
//
// One message of the debug text of CPython's garbage collector. The grammar, 2.7 to 3.15 (N
// numbers):
//
//   gc: collecting generation G...
//   gc: objects in each generation: N N N
//   gc: objects in permanent generation: N                                      3.7 and later
//   gc: collectable <TYPE 0xHEX>       gc: uncollectable <TYPE 0xHEX>
//   gc: collectable <CLASS instance at 0xHEX>                                    2.7, old classes
//   gc: done[, N unreachable, N uncollectable][, S.SSSSs elapsed][.]
//   gc: N uncollectable objects at shutdown[; use gc.set_debug(...) to list them]
//
// A message of "gc: done" ends in "elapsed" or in a full stop. TYPE may hold anything. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace memwhy::readers {

struct GcMessage {
  enum class Kind : unsigned char { kCollecting, kCounts, kPermanent, kObject, kDone, kAtShutdown };
  Kind kind = Kind::kCollecting;
  std::uint8_t generation = 0;            // kCollecting
  std::array<std::uint64_t, 3> counts{};  // kCounts
  std::uint64_t number = 0;               // kPermanent, kAtShutdown
  std::uint64_t address = 0;              // kObject
  std::string_view type;                  // kObject, of the text
  bool is_collectable = false;            // kObject
  bool has_numbers = false;               // kDone: else nothing was found
  std::uint64_t unreachable = 0;          // kDone, with those that are uncollectable
  std::uint64_t uncollectable = 0;        // kDone
  std::optional<double> seconds;          // kDone
  bool has_full_stop = false;             // kDone
};

struct GcMatch {
  enum class State : unsigned char {
    kComplete,  // a message of `length` bytes; other text may follow, numbers too
    kCut,       // all of the text is the beginning of one
    kNone       // after `length` bytes the text is no message
  };
  State state = State::kNone;
  std::size_t length = 0;
};

inline constexpr std::string_view kGcMark = "gc: ";

// `text` begins with kGcMark. `message` is filled when the match is complete.
GcMatch MatchGcMessage(std::string_view text, GcMessage* message);

}  // namespace memwhy::readers
