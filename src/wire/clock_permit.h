// SPDX-License-Identifier: Apache-2.0
//
// Lets the one busy thread of the one process of a recording give its events the time of its last
// look at the clock: such a look costs a third of an event, and the order of one thread's events is
// that of their bytes. The word lies in the ring (RingHeader::clock_permit): a serial number, a
// thread, and whether that thread is permitted. It need not look again while it finds the word at
// which it looked last; its first look under a new word is behind a load fence.
//
// The recorder writes a new word every few ms, and permits a thread that was alone in its last look
// at the ring. Any other thread, at each event, loads the word after it looked at the clock, and
// revokes a permit that it finds, all before its call can have an effect; so does a process that
// begins, in the others' rings, before its first event. No permit stands there twice.
//
// Why the order among threads stays exact. A is permitted by the word P, which it loads before it
// looks at the clock (time p); then an event of A has the time p. B is another thread.
//  - A's event, then B's on the same address: B looks at the clock after A's event: p is earlier.
//  - B's event of time b, then A's. A got to know of B's effect (the allocator's lock, or a
//    hand-over of the program), and x86 makes stores visible in their order and performs loads in
//    theirs: so A, which loads the word after that, finds whatever B found or a later one. It finds
//    P. Either B had found a word before P, or a permit, which it replaced by another before P
//    came. Both are after B looked at the clock, and before A looked at it under P: b is earlier.
// When and to whom the recorder gives a permit plays no part in this. On a processor with weaker
// order A's load would have to be an acquire of B's hand-over, which a dependent load of the
// program is not: kMayPermit is false there, and each event looks at the clock.
#pragma once

#include <atomic>
#include <cstdint>

namespace memwhy::wire {

#if defined(__x86_64__)
inline constexpr bool kMayPermit = true;
#else
inline constexpr bool kMayPermit = false;
#endif

// permitted:1 thread:20 serial:43, from the lowest bit.
inline constexpr unsigned kPermitThreadBits = 20;
inline constexpr std::uint64_t kPermitThreads = std::uint64_t{1} << kPermitThreadBits;
// No word of the ring: its serial number is never reached.
inline constexpr std::uint64_t kNoPermit = ~std::uint64_t{0};

constexpr bool Permits(std::uint64_t word) noexcept { return (word & 1) != 0; }
constexpr bool PermitsThread(std::uint64_t word, std::uint32_t thread) noexcept {
  return Permits(word) && ((word >> 1) & (kPermitThreads - 1)) == thread;
}

// The word after `word` that permits nobody, or `thread` (below kPermitThreads).
constexpr std::uint64_t NextRevoked(std::uint64_t word) noexcept {
  return ((word >> (1 + kPermitThreadBits)) + 1) << (1 + kPermitThreadBits);
}
constexpr std::uint64_t NextPermit(std::uint64_t word, std::uint32_t thread) noexcept {
  return NextRevoked(word) | std::uint64_t{thread} << 1 | 1;
}

inline void Revoke(std::atomic<std::uint64_t>* word) noexcept {
  std::uint64_t before = word->load(std::memory_order_relaxed);
  while (!word->compare_exchange_weak(before, NextRevoked(before))) {
  }
}

// Loads the word after the clock was looked at: a load cannot be performed before its address is
// known, and here that is made of the clock's value.
inline std::uint64_t LoadAfterClock(const std::atomic<std::uint64_t>* word,
                                    std::uint64_t ticks) noexcept {
#if defined(__x86_64__)
  asm volatile("and $0, %0" : "+r"(ticks) : : "cc", "memory");
  word = reinterpret_cast<const std::atomic<std::uint64_t>*>(
      reinterpret_cast<std::uintptr_t>(word) + ticks);
#else
  static_cast<void>(ticks);
#endif
  return word->load(std::memory_order_acquire);
}

}  // namespace memwhy::wire
