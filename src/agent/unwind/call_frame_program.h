// SPDX-License-Identifier: Apache-2.0
//
// One entry of .eh_frame (an FDE with its CIE), and the rule that its program gives for one pc. The
// bytes are read where the program has them mapped and are not trusted: what does not decode within
// its bounds, or says more than a FrameRule can, is kCut. Allocates: never. Any thread.
#pragma once

#include <cstdint>

#include "agent/unwind/frame_rule.h"

namespace memwhy::agent {

struct TableBytes {
  const std::uint8_t* begin;
  const std::uint8_t* end;
};

struct FrameEntryOfTable {
  std::uintptr_t begin = 0;  // of the function, or of a part of it
  std::uintptr_t end = 0;
  TableBytes initial{};  // instructions of its CIE
  TableBytes program{};  // its own
  std::uint64_t code_unit = 1;
  std::int64_t data_unit = 1;
  std::uint8_t encoding = 0;
  bool is_signal = false;
};

// The entry at `at`; `bytes`: the whole segment in which it lies, as mapped. False: damaged, or of
// a kind that x86-64 does not have.
bool ReadFrameEntry(TableBytes bytes, const std::uint8_t* at, FrameEntryOfTable* entry) noexcept;

// The rule at `pc`, which lies inside of the entry's range.
FrameRule RuleAt(const FrameEntryOfTable& entry, std::uintptr_t pc) noexcept;

// A pointer of an ELF table in the given encoding (DW_EH_PE_*); `data`: what datarel counts from.
std::uintptr_t ReadEncoded(struct ByteReader& in, std::uint8_t encoding,
                           std::uintptr_t data) noexcept;

}  // namespace memwhy::agent
