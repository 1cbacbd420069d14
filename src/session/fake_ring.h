// SPDX-License-Identifier: Apache-2.0
//
// A ring file made by hand, for tests: what a killed target leaves behind.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "wire/ring.h"

namespace memwhy::session {

class FakeRing {
 public:
  explicit FakeRing(std::uint32_t chunk_count = 4)
      : memory_((wire::RingFileBytes(chunk_count) + 4095) / 4096) {
    wire::RingHeader& ring = header();
    std::memcpy(ring.magic, wire::kRingMagic, sizeof(ring.magic));
    ring.version = wire::kRingVersion;
    ring.header_bytes = sizeof(wire::RingHeader);
    ring.chunk_bytes = wire::kChunkBytes;
    ring.chunk_count = chunk_count;
    ring.pool_offset = wire::PoolOffset(chunk_count);
    ring.arena_offset = wire::ArenaOffset(chunk_count);
    ring.arena_capacity = wire::kArenaCapacity;
    ring.pid = 100;
    ring.start_ticks = 1;
    ring.clock_kind = static_cast<std::uint32_t>(wire::ClockKind::kMonotonicNs);
    ring.state.store(static_cast<std::uint32_t>(wire::AgentState::kRecording));
  }

  wire::RingHeader& header() { return *reinterpret_cast<wire::RingHeader*>(base()); }
  wire::ChunkHeader& chunk(std::uint32_t index) {
    return reinterpret_cast<wire::ChunkHeader*>(base() + 4096)[index];
  }
  std::uint8_t* bytes(std::uint32_t index) {
    return base() + header().pool_offset + std::size_t{index} * wire::kChunkBytes;
  }

  void SetChunk(std::uint32_t index, wire::ChunkState state, std::uint32_t thread,
                std::uint64_t offset, std::span<const std::uint8_t> records) {
    std::copy(records.begin(), records.end(), bytes(index));
    chunk(index).thread = thread;
    chunk(index).stream_offset = offset;
    chunk(index).committed.store(static_cast<std::uint32_t>(records.size()));
    chunk(index).state.store(static_cast<std::uint32_t>(state));
    if (header().chunks_used.load() <= index) header().chunks_used.store(index + 1);
  }

  void WriteTo(const std::string& path) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(base()),
               static_cast<std::streamsize>(wire::RingFileBytes(header().chunk_count)));
  }

 private:
  struct alignas(4096) Page {
    std::uint8_t bytes[4096] = {};
  };
  std::uint8_t* base() { return memory_.data()->bytes; }

  std::vector<Page> memory_;
};

}  // namespace memwhy::session
