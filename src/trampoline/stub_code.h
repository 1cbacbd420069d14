// SPDX-License-Identifier: Apache-2.0
//
// Machine code of stubs. A stub has the signature of _PyFrameEvalFunction, sets up a frame pointer,
// calls the evaluator of the interpreter and returns what it returned. x86-64 only.
// Memory is given once and never back: up to kMaxStubs. The caller holds the GIL: a page of stubs
// is made writable while it is extended, and no other thread can return into it meanwhile.
// Allocates: mmap only. On failure nothing is made.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::trampoline {

inline constexpr std::size_t kStubBytes = 32;
inline constexpr std::size_t kMaxStubs = std::size_t{1} << 18;

#if defined(__x86_64__)
inline constexpr bool kHasStubs = true;
#else
inline constexpr bool kHasStubs = false;
#endif

// The new stub's address, or 0: no room is left, or the system allows no code to be made (then
// *error is errno, else 0).
std::uintptr_t MakeStub(std::uintptr_t evaluator, int* error) noexcept;

}  // namespace memwhy::trampoline
