// SPDX-License-Identifier: Apache-2.0
//
// The agent's own memory in the target: one reserved range, handed out front to back and never
// given back (tables double, so at most half is waste). One range, so that the ledger can name it
// and `free` can tell our addresses apart with one comparison. Context: any thread, inside malloc,
// in a signal handler.  Allocates: never by malloc.  Blocks: never.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

struct PrivateRange {
  std::uintptr_t begin = 0;
  std::size_t bytes = 0;
};
extern PrivateRange g_private;

// Reserves the range. False when the address space is too tight; then nothing may be recorded.
bool ReservePrivateMemory() noexcept;

// What either of our two mappings may take of a limit that the process has on its address space
// (RLIMIT_AS, RLIMIT_DATA), in bytes: the rest is the program's.
std::uint64_t AddressSpaceShare() noexcept;

// Gives back all but `spare` bytes of what nobody has taken yet, for a program that is about to
// limit its address space. Any thread may take memory meanwhile.
void TrimPrivate(std::size_t spare) noexcept;

// Zeroed memory, aligned to 64 bytes; nullptr when the range is used up.
void* TakePrivate(std::size_t bytes) noexcept;

std::size_t PrivateBytesUsed() noexcept;

inline bool IsPrivate(const void* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) - g_private.begin < g_private.bytes;
}

}  // namespace memwhy::agent
