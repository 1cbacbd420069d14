// SPDX-License-Identifier: Apache-2.0
//
// A thread's interpreter frames, newest first, in the three shapes that 3.8 to 3.14 have: frame
// objects (to 3.10), interpreter frames behind a _PyCFrame (3.11, 3.12), interpreter frames with
// shims (3.13, 3.14; from 3.14 the code object's address carries a tag). Borrowed reads; the thread
// is our own, or the GIL is held.
#pragma once

#include "cpython/layout.h"
#include "cpython/peek.h"

namespace memwhy::cpython {

enum class Family { kFrameObjects, kCFrames, kThreadFrames };

inline Family FamilyOf(const Layout& layout) noexcept {
  if (layout.minor <= 10) return Family::kFrameObjects;
  return layout.minor <= 12 ? Family::kCFrames : Family::kThreadFrames;
}

template <Family family>
Address TopFrame(const Layout& layout, Address thread) noexcept {
  const Address first = PeekPointer(thread, layout.thread_frame);
  if constexpr (family == Family::kCFrames) {
    return first == 0 ? 0 : PeekPointer(first, layout.cframe_current);
  } else {
    return first;
  }
}

// What a frame says of itself. Two frames of equal states stand at the same instruction of the same
// code object, as long as that code object lives.
struct FrameState {
  Address code;               // as the frame has it, with its tag
  std::uint64_t instruction;  // f_lasti, or a pointer into the code
  char owner;
  friend bool operator==(const FrameState&, const FrameState&) = default;
};

template <Family family>
FrameState ReadState(const Layout& layout, Address frame) noexcept {
  if constexpr (family == Family::kFrameObjects) {
    return {PeekPointer(frame, layout.frame_code),
            static_cast<std::uint32_t>(Peek<int>(frame, layout.frame_instruction)), 0};
  } else {
    return {PeekPointer(frame, layout.frame_code), PeekPointer(frame, layout.frame_instruction),
            Peek<char>(frame, layout.frame_owner)};
  }
}

// The code object and the instruction (in code units, -1: not started) of a frame. False: it is
// none of the program's: a shim, or pushed and not started yet, as tracebacks leave it out too.
template <Family family>
bool UnpackState(const Layout& layout, const FrameState& state, Address* code,
                 std::int32_t* instruction) noexcept {
  *code = state.code;
  if constexpr (family == Family::kFrameObjects) {
    const auto lasti = static_cast<std::int32_t>(state.instruction);
    // f_lasti counts bytes up to 3.9.
    *instruction = layout.minor >= 10 || lasti < 0 ? lasti : lasti / 2;
    return true;
  } else {
    if constexpr (family == Family::kThreadFrames) *code &= ~Address{layout.frame_tag};
    if (state.owner >= kOwnedByCStack || *code == 0) return false;
    const auto at = static_cast<std::int64_t>(state.instruction);
    *instruction = static_cast<std::int32_t>(
        (at - static_cast<std::int64_t>(*code + layout.code_instructions)) / 2);
    return state.owner == kOwnedByGenerator ||
           *instruction >= Peek<int>(*code, layout.code_first_traceable);
  }
}

template <Family family>
bool ReadFrame(const Layout& layout, Address frame, Address* code,
               std::int32_t* instruction) noexcept {
  return UnpackState<family>(layout, ReadState<family>(layout, frame), code, instruction);
}

}  // namespace memwhy::cpython
