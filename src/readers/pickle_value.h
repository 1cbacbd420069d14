// SPDX-License-Identifier: Apache-2.0
//
// A value on the stack of a pickle: a number, or the id of a string, tuple, list or dict that
// PickleMachine keeps. Plain data.
#pragma once

#include <cstdint>

namespace memwhy::readers {

enum class PickleKind : std::uint8_t {
  kNone,
  kBool,
  kInt,       // signed, in `bits`
  kUnsigned,  // 2^63 and above
  kFloat,     // the bits of a double
  kString,
  kTuple,
  kList,
  kDict,
  kRecord,  // what the client made of a list or dict: `bits` is the client's
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  std::uint64_t bits = 0;

  bool is_int() const { return kind == PickleKind::kInt || kind == PickleKind::kUnsigned; }
  friend bool operator==(const PickleValue&, const PickleValue&) = default;
};

}  // namespace memwhy::readers
