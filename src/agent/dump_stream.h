// SPDX-License-Identifier: Apache-2.0
//
// Buffered writer of a heap dump's stream (wire/heap_dump.h has the grammar). Runs in a clone of
// the target: no malloc, no locks, one buffer from a mapping of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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

  // What is put from now on is thrown away. Whether anybody reads is looked at all the same.
  void Drop() noexcept { drops_ = true; }
  // After Drop: what is put from now on is written, as a stream of its own.
  void Restart() noexcept {
    drops_ = false;
    used_ = 0;
    last_ = 0;
  }

  bool failed() const { return failed_; }
  std::uint64_t bytes() const { return written_ + used_; }

  // Makes room for one record's fixed part. Called before each group of Puts below.
  void Reserve() noexcept {
    if (used_ + kReserve > kBufferBytes) Flush();
  }
  void PutByte(std::uint8_t value) noexcept { buffer_[used_++] = value; }
  void PutNumber(std::uint64_t value) noexcept {
    used_ = static_cast<std::size_t>(wire::PutVarint(buffer_ + used_, value) - buffer_);
  }
  void PutSigned(std::int64_t value) noexcept { PutNumber(wire::ZigZag(value)); }
  void PutTag(wire::DumpTag tag) noexcept {
    Reserve();
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
      if (used_ == kBufferBytes) Flush();
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
    if (used_ + 16 > kBufferBytes) Flush();
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

  int fd_ = -1;
  std::uint8_t* buffer_ = nullptr;
  std::size_t used_ = 0;
  std::uint64_t written_ = 0;
  std::uintptr_t last_ = 0;
  std::uintptr_t last_edge_ = 0;
  bool failed_ = false;
  bool drops_ = false;
};

}  // namespace memwhy::agent
