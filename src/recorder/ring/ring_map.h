// SPDX-License-Identifier: Apache-2.0
//
// A target's ring file (wire/ring.h), mapped by the recorder. The target may scribble on it at any
// time: sizes are checked once at opening and kept here; everything read later is copied first,
// then checked, and never used to leave the mapping. A file that is made shorter reads as
// an empty ring from then on. One thread.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "recorder/ring/ring_guard.h"
#include "session/ring_snapshot.h"
#include "wire/ring.h"

namespace memwhy::recorder {

class RingMap {
 public:
  static Result<std::unique_ptr<RingMap>> Open(const std::string& path);
  ~RingMap();
  RingMap(const RingMap&) = delete;
  RingMap& operator=(const RingMap&) = delete;

  const std::string& path() const { return path_; }
  std::uint64_t inode() const { return inode_; }
  std::uint64_t device() const { return device_; }
  const session::RingInfo& info() const { return info_; }  // as of Refresh
  void Refresh();                                          // state, counters, arena sizes
  // The file was made shorter under us: nothing more comes from it. Found by a Refresh, which makes
  // the file whole again, so that the target finds memory there, and tells it to record no more.
  bool is_lost() const { return is_lost_; }
  const char* loss() const { return loss_; }  // why

  wire::RingHeader& header() { return *header_; }
  std::uint32_t chunk_count() const { return info_.chunk_count; }
  wire::ChunkHeader& chunk(std::uint32_t index) { return chunks_[index]; }
  wire::ThreadSlot& slot(std::uint32_t index) { return slots_[index]; }
  // Copies bytes of a chunk; the range must lie in it. False when the file has become shorter: what
  // was copied may be zeros then.
  bool CopyBytes(std::uint32_t index, std::uint32_t begin, std::span<std::uint8_t> into) const;
  // Addresses of live pymalloc arenas, sorted.
  std::vector<std::uint64_t> Arenas() const;

  // Tells the agent that the recorder lives. `shift_ns`: of the agent's clock.
  void Beat(std::uint64_t shift_ns = 0);
  // Waits until the agent wakes us, a signal arrives, or the time is over.
  void Wait(std::uint64_t timeout_ns);
  // The agent records no more.
  void Stop();

 private:
  RingMap(std::string path, void* base, std::uint64_t bytes, session::RingInfo info,
          const struct stat& status);
  bool IsShorter() const;
  void GiveUp();

  std::string path_;
  void* base_;
  std::uint64_t bytes_;
  std::uint64_t inode_;
  std::uint64_t device_;
  session::RingInfo info_;
  RingGuard guard_;
  bool is_lost_ = false;
  const char* loss_ = "";
  std::uint64_t next_look_ns_ = 0;  // at the file's size
  wire::RingHeader* header_;
  wire::ChunkHeader* chunks_;
  const std::uint64_t* arenas_;
  wire::ThreadSlot* slots_;
  const std::uint8_t* pool_;
};

}  // namespace memwhy::recorder
