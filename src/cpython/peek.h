// SPDX-License-Identifier: Apache-2.0
//
// Borrowed reads of CPython's structures in our own address space: no reference counts, no GIL, no
// allocation. The caller knows that the object is alive (it hangs on its own thread's frames).
#pragma once

#include <cstdint>
#include <cstring>

#include "cpython/layout.h"

namespace memwhy::cpython {

using Address = std::uintptr_t;

template <typename T>
inline T Peek(Address base, std::uint32_t offset) noexcept {
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(base + offset), sizeof(T));
  return value;
}

inline Address PeekPointer(Address base, std::uint32_t offset) noexcept {
  return Peek<Address>(base, offset);
}

inline Address TypeOf(Address object) noexcept { return PeekPointer(object, kObjectType); }

// True for an object whose references are gone: it is being destroyed. 3.14 keeps flags in the
// upper half of the count.
inline bool IsDying(const Layout& layout, Address object) noexcept {
  return layout.minor >= 14 ? Peek<std::uint32_t>(object, 0) == 0
                            : Peek<std::int64_t>(object, 0) == 0;
}

// Writes the text of a str object as UTF-8, cut at a character's border to `room` bytes, and
// returns the length; -1 when it is no ready compact str. Lone surrogates become '?'.
int PeekText(const Layout& layout, Address str, char* out, int room) noexcept;

// The value of the first string key equal to `name` among the first 16 entries of a dict, borrowed,
// or 0. The caller holds the GIL.
Address PeekEarlyKey(const Layout& layout, Address dict, const char* name) noexcept;

}  // namespace memwhy::cpython
