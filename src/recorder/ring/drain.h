// SPDX-License-Identifier: Apache-2.0
//
// Moves events of one target from its ring to the session: new bytes of owned and sealed chunks as
// pieces, in the order of each stream. Invariant: a chunk is given back to the target only after
// all its bytes were written (Collect, then the writer's Flush, then Release), so that at any
// instant file and ring together hold every byte; a killed recorder loses nothing. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "recorder/ring/ring_map.h"
#include "session/writer.h"

namespace memwhy::recorder {

class Drain {
 public:
  Drain(RingMap* ring, std::uint32_t process) : ring_(ring), process_(process) {}

  // Whether so much is sealed that a round should not wait.
  bool IsUrgent() const;
  // The first look: notes what is new.
  void Look();
  // How many threads have something new, at the first look.
  std::size_t CountBusy() const { return busy_.size(); }
  // The thread that alone had something new, at the latest first look that found something.
  std::optional<std::uint32_t> only_busy() const { return only_busy_; }
  // A second look: whether a thread has something new that the first one did not see.
  bool HasMore() const;
  // Adds what the first look saw. On an error (a full disk) nothing may be released any more.
  Result<void> Collect(session::SessionWriter* writer, session::TimePrecision precision);
  // Gives the chunks back that were sealed and read to their end. Only after a flush.
  void Release();

  std::uint64_t bytes() const { return bytes_; }

 private:
  bool IsNew(std::uint32_t thread, std::uint64_t end) const {
    return end > (thread < drained_.size() ? drained_[thread] : 0);
  }
  struct Found {
    std::uint32_t thread;
    std::uint32_t chunk;
    std::uint64_t offset;
    std::uint32_t committed;
    bool is_sealed;
  };

  RingMap* ring_;
  std::uint32_t process_;
  std::vector<std::uint64_t> drained_;  // by thread: bytes of its stream that were collected
  std::vector<Found> found_;            // kept for its memory
  std::vector<std::uint32_t> busy_;     // threads with something new, in order
  std::optional<std::uint32_t> only_busy_;
  std::vector<std::uint32_t> done_;  // chunks to release
  std::vector<std::uint8_t> copy_;   // of the bytes of one chunk
  std::uint32_t sealed_seen_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace memwhy::recorder
