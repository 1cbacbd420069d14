// SPDX-License-Identifier: Apache-2.0
//
// Takes chunks of quiet threads back, for one target: where its pool is short, and where a chunk
// far up in the pool was left alone, so that the target's rss can shrink. A chunk taken back is
// sealed; the drain reads and releases it like any other. wire/ring.h has the protocol and its
// proof. Invariant: between Want and Seal lies a barrier over all threads of the system. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "recorder/ring/ring_map.h"

namespace memwhy::recorder {

// Whether the kernel has the barrier that taking back needs.
bool CanOrderAllThreads();
// All threads of the system pass a point of full order. Takes about 20 ms, no processor time.
bool OrderAllThreads();

class QuietChunks {
 public:
  // Tells the agent whether anything will be taken back.
  QuietChunks(RingMap* ring, bool can_take_back);

  // Whether threads wait for a chunk, or soon will, and quiet ones have many.
  bool IsShort() const;
  // Looks at all chunks and marks those that shall be taken back. Returns how many are marked.
  std::size_t Want(std::uint64_t now_ns);
  // After the barrier: seals those whose owners are not writing; the others stay marked. Returns
  // how many it sealed.
  std::size_t Seal();

 private:
  struct Seen {
    std::uint32_t state = 0;
    std::uint32_t committed = 0;
    std::uint64_t since_ns = 0;
  };
  struct Counts {
    std::uint32_t owned = 0;
    std::uint32_t free = 0;
  };
  std::uint32_t CountUsed() const;
  Counts Count() const;
  bool IsShort(const Counts& counts) const;
  void NoteNeeded(std::uint32_t needed, std::uint64_t now_ns);

  RingMap* ring_;
  bool can_take_back_;
  std::vector<Seen> seen_;  // by chunk: its owner, how far it was, since when
  std::vector<std::uint32_t> wanted_;
  std::uint64_t next_calm_ns_ = 0;
  // The highest chunk in use, exclusive, of this window of time and the one before.
  std::uint32_t needed_ = 0;
  std::uint32_t needed_before_ = 0;
  std::uint64_t window_end_ns_ = 0;
};

}  // namespace memwhy::recorder
