// SPDX-License-Identifier: Apache-2.0
//
// What a ring file (wire/ring.h) holds, copied: for recovery after the recorder or the target was
// killed, for a look at a session that is still being written, and for inspect. The file may change
// while it is read; a chunk that did is left out. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/facts.h"
#include "wire/ring.h"

namespace memwhy::session {

// Plain copies of a RingHeader's values.
struct RingInfo {
  std::uint32_t pid = 0;
  std::uint32_t parent_pid = 0;
  std::uint64_t start_ticks = 0;
  std::uint32_t chunk_count = 0;
  wire::ClockKind clock_kind = wire::ClockKind::kTsc;
  std::uint32_t clock_shift = 0;
  std::uint64_t clock_at_start = 0;
  std::uint64_t monotonic_ns_at_start = 0;
  std::uint64_t realtime_ns_at_start = 0;
  std::uint64_t fork_clock = 0;
  std::uint64_t end_clock = 0;  // 0: not noted
  std::uint32_t exit_code = 0;  // with kEnded and end_clock
  std::uint64_t exec_clock = 0;
  std::uint64_t start_stack = 0;
  std::string python;
  std::string note;
  std::uint64_t private_begin = 0;
  std::uint64_t private_end = 0;
  std::uint32_t arena_bytes = 0;
  std::uint32_t pool_bytes = 0;
  wire::AgentState state = wire::AgentState::kStarting;
  std::uint64_t lost_events = 0;
  std::uint64_t lost_bytes = 0;
  std::uint64_t waited_ns = 0;
  std::uint64_t detached_ns = 0;  // CLOCK_MONOTONIC; 0: the agent recorded to the end
};

// Checks a header against the size of its file and copies it; the bytes may change meanwhile.
Result<RingInfo> CopyRingHeader(const wire::RingHeader& header, std::uint64_t file_bytes);
ProcessFact ToProcessFact(const RingInfo& info, std::uint32_t process);
// How the process left this program, as it has noted itself; "" when it has not.
std::string EndedText(const RingInfo& info);

struct RingPiece {
  std::uint32_t thread = 0;
  std::uint32_t tid = 0;
  std::uint64_t offset = 0;
  std::vector<std::uint8_t> bytes;
};

struct RingSnapshot {
  RingInfo info;
  std::vector<RingPiece> pieces;  // by thread, then offset
};

// Never through a link; an error where it is no regular file.
Result<RingSnapshot> ReadRing(const std::string& path);
Result<RingInfo> ReadRingInfo(const std::string& path);
Result<RingInfo> ReadRingInfo(int fd);

// A chunk that holds bytes, all below its ring's size.
struct CommittedChunk {
  std::uint32_t index = 0;
  std::uint32_t bytes = 0;
};
Result<std::vector<CommittedChunk>> ReadCommitted(int fd, std::uint32_t chunk_count);

// Ring files of a folder, full paths; unfinished ones (".tmp") are left out. Those of a session may
// lie elsewhere: FindAllRings (ring_place.h).
std::vector<std::string> FindRings(const std::string& folder);

}  // namespace memwhy::session
