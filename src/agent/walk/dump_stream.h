// SPDX-License-Identifier: Apache-2.0
//
// Buffered writer of a heap dump's stream (wire/heap_dump.h has the grammar). Runs in a clone of
// the target: no malloc, no locks, one buffer from a mapping of its own. Two clones may write one
// output, each with a stream of its own: whole records by turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "agent/walk/dump_lanes.h"
#include "wire/heap_dump.h"
#include "wire/varint.h"

namespace memwhy::agent {

class DumpStream {
 public:
  // Makes the buffer. False: no memory.
  bool Start(int fd) noexcept;
  // Writes what is buffered. False: something could not be written, now or before.
  bool Flush() noexcept;
  void Stop() noexcept;  // gives the buffer back

  // From now on this is the stream of `lane`, one of two. Nothing may be buffered.
  void BeginLane(DumpLanes& lanes, std::uint8_t lane) noexcept;
  // The other one has ended.
  void EndLanes() noexcept {
    lanes_ = nullptr;
    most_ = kUsualBytes;
  }

  int fd() const { return fd_; }
  bool failed() const { return failed_; }
  std::uint64_t bytes() const { return written_ + used_; }

  // Makes room for a record's fixed part. What was put before is whole records.
  void BeginRecord() noexcept {
    if (used_ >= most_) Flush();
  }
  // The same within a record, before each further group of the Puts below.
  void Reserve() noexcept {
    if (used_ + kReserve > kBufferBytes) FlushPart();
  }
  void PutByte(std::uint8_t value) noexcept { buffer_[used_++] = value; }
  void PutNumber(std::uint64_t value) noexcept {
    used_ = static_cast<std::size_t>(wire::PutVarint(buffer_ + used_, value) - buffer_);
  }
  void PutSigned(std::int64_t value) noexcept { PutNumber(wire::ZigZag(value)); }
  void PutTag(wire::DumpTag tag) noexcept {
    BeginRecord();
    PutByte(static_cast<std::uint8_t>(tag));
  }
  // At most kMaxKeyBytes are taken. Reserves for itself.
  void PutText(const char* text, std::size_t bytes) noexcept {
    Reserve();
    if (bytes > wire::kMaxKeyBytes) bytes = wire::kMaxKeyBytes;
    PutNumber(bytes);
    std::memcpy(buffer_ + used_, text, bytes);
    used_ += bytes;
  }
  // Plain bytes, any number of them.
  void PutBytes(const void* bytes, std::size_t count) noexcept {
    const auto* at = static_cast<const std::uint8_t*>(bytes);
    for (std::size_t i = 0; i < count; ++i) {
      if (used_ == kBufferBytes) FlushPart();
      PutByte(at[i]);
    }
  }
  // The address of a record, against that of the record before.
  void PutAddress(std::uintptr_t address) noexcept {
    PutSigned((static_cast<std::int64_t>(address) - static_cast<std::int64_t>(last_)) >> 3);
    last_ = address;
  }
  // Edges follow one another: the first against `from`.
  void BeginEdges(std::uintptr_t from) noexcept { last_edge_ = from; }
  void BeginRootEdges() noexcept { last_edge_ = last_; }
  void PutEdge(std::uintptr_t target) noexcept {
    if (used_ + 16 > kBufferBytes) FlushPart();
    if (target == 0) {
      PutByte(0);
      return;
    }
    PutNumber(
        wire::ZigZag((static_cast<std::int64_t>(target) - static_cast<std::int64_t>(last_edge_)) >>
                     3) +
        1);
    last_edge_ = target;
  }

 private:
  static constexpr std::size_t kBufferBytes = 1 << 20;
  static constexpr std::size_t kReserve = 1024;
  // Where a new record begins beyond that it is written: most records fit behind it.
  static constexpr std::size_t kUsualBytes = kBufferBytes - 4 * kReserve;

  // What is buffered is not the end of a record: the turn is kept until that comes.
  void FlushPart() noexcept;
  bool WriteOut() noexcept;
  void PutLane() noexcept;

  int fd_ = -1;
  DumpLanes* lanes_ = nullptr;  // null: this stream is the whole one
  std::uint8_t lane_ = 0;
  bool has_turn_ = false;
  std::size_t most_ = kUsualBytes;
  std::uint8_t* buffer_ = nullptr;
  std::size_t used_ = 0;
  std::uint64_t written_ = 0;
  std::uintptr_t last_ = 0;
  std::uintptr_t last_edge_ = 0;
  bool failed_ = false;
};

}  // namespace memwhy::agent
