// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/dump_stream.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

bool DumpStream::Start(int fd) noexcept {
  fd_ = fd;
  buffer_ = static_cast<std::uint8_t*>(MapRaw(kBufferBytes));
  return buffer_ != nullptr;
}

bool DumpStream::WriteOut() noexcept {
  std::size_t at = 0;
  while (at < used_ && !failed_) {
    // The system call itself: a clone has no thread of the C library that could be cancelled.
    const long n = syscall(SYS_write, fd_, buffer_ + at, used_ - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed_ = true;
    } else {
      at += static_cast<std::size_t>(n);
    }
  }
  written_ += used_;
  used_ = 0;
  return !failed_;
}

bool DumpStream::Flush() noexcept {
  if (lanes_ == nullptr) return WriteOut();
  FlushPart();
  if (has_turn_) lanes_->PassTurn();
  has_turn_ = false;
  most_ = kUsualBytes;
  PutLane();
  return !failed_;
}

void DumpStream::FlushPart() noexcept {
  if (lanes_ == nullptr) {
    Flush();
    return;
  }
  if (!has_turn_) has_turn_ = lanes_->TakeTurn();
  if (!has_turn_) failed_ = true;
  WriteOut();
  most_ = 0;
}

void DumpStream::PutLane() noexcept {
  PutByte(static_cast<std::uint8_t>(wire::DumpTag::kLane));
  PutByte(lane_);
}

void DumpStream::BeginLane(DumpLanes& lanes, std::uint8_t lane) noexcept {
  lanes_ = &lanes;
  lane_ = lane;
  if (lane != 0) last_ = 0;
  PutLane();
}

void DumpStream::Stop() noexcept {
  if (buffer_ != nullptr) UnmapRaw(buffer_, kBufferBytes);
  buffer_ = nullptr;
}

}  // namespace memwhy::agent
