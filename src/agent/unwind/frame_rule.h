// SPDX-License-Identifier: Apache-2.0
//
// How to get from a frame of C code to its caller on x86-64: where its CFA is (the address just
// above its return address), and where the caller's rbp is. Eight bytes; what they cannot say is
// kCut, never a guess.
#pragma once

#include <cstdint>

namespace memwhy::agent {

struct FrameRule {
  enum class Base : std::uint8_t {
    kCut,         // nothing is known: the stack ends here, and says so
    kEnd,         // the outermost frame
    kStack,       // CFA = rsp + cfa_offset
    kFrame,       // CFA = rbp + cfa_offset
    kStackDeref,  // CFA = *(rsp + low half of cfa_offset) + high half
    kFrameDeref,  // the same by rbp
    kSignal,      // the kernel's frame of a signal handler
  };
  enum class Saved : std::uint8_t {
    kSame,     // rbp is the caller's
    kAtCfa,    // it lies at CFA + 8 * slot
    kAtFrame,  // it lies at rbp + 8 * slot
    kUnknown,
  };
  Base base = Base::kCut;
  Saved rbp = Saved::kSame;
  std::int16_t slot = 0;
  std::int32_t cfa_offset = 0;
  friend bool operator==(const FrameRule&, const FrameRule&) = default;
};
static_assert(sizeof(FrameRule) == 8);

}  // namespace memwhy::agent
