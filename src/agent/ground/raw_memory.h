// SPDX-License-Identifier: Apache-2.0
//
// Mappings for the time of one request, by system call: the interposed mmap must not see them.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

// An array that doubles. Zeroed memory; nothing is constructed or destroyed.
template <typename T>
struct RawArray {
  T* items = nullptr;
  std::size_t capacity = 0;
};

void* MapRaw(std::size_t bytes) noexcept;  // null: no memory
// The same, of which a process cloned from this one has no copy: both see what either writes.
void* MapShared(std::size_t bytes) noexcept;
void UnmapRaw(void* address, std::size_t bytes) noexcept;

template <typename T>
[[gnu::noinline]] bool MoveRaw(RawArray<T>& array, std::size_t count) noexcept {
  std::size_t capacity = array.capacity == 0 ? 4096 / sizeof(T) + 1 : array.capacity;
  while (capacity < count) capacity *= 2;
  auto* items = static_cast<T*>(MapRaw(capacity * sizeof(T)));
  if (items == nullptr) return false;
  if (array.items != nullptr) {
    __builtin_memcpy(static_cast<void*>(items), array.items, array.capacity * sizeof(T));
    UnmapRaw(array.items, array.capacity * sizeof(T));
  }
  array.items = items;
  array.capacity = capacity;
  return true;
}

// Room for `count` items, the old ones kept. False: no memory.
template <typename T>
bool GrowRaw(RawArray<T>& array, std::size_t count) noexcept {
  return count <= array.capacity || MoveRaw(array, count);
}

template <typename T>
void FreeRaw(RawArray<T>& array) noexcept {
  if (array.items != nullptr) UnmapRaw(array.items, array.capacity * sizeof(T));
  array = {};
}

// The memory at `address` comes into the cache meanwhile. Harmless for any address. Not inlined it
// would be a function without effects, which the compiler leaves out.
[[gnu::always_inline]] inline void Fetch(std::uintptr_t address) noexcept {
  __builtin_prefetch(reinterpret_cast<const void*>(address));
}

// Copies memory of this process that may vanish under us. Returns the bytes copied, possibly 0.
// Written, not read: process_vm_readv pins the pages that it reads, for which the kernel copies
// each that a forked child shares (Linux mm/internal.h, gup_must_unshare).
std::size_t CopyCarefully(std::uintptr_t from, void* to, std::size_t bytes) noexcept;
// The same of several pieces, one behind the other; `bytes`: their sum.
std::size_t CopyPiecesCarefully(const iovec* from, std::size_t pieces, void* to,
                                std::size_t bytes) noexcept;

}  // namespace memwhy::agent
