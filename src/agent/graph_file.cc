// SPDX-License-Identifier: Apache-2.0
#include "agent/graph_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/raw_memory.h"
#include "wire/varint.h"

namespace memwhy::agent {
namespace {
constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kMostBytes = 1024;  // of one Put call
}  // namespace

bool GraphFile::Open(const char* path) noexcept {
  fd_ = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd_ < 0) return false;
  buffer_ = static_cast<std::uint8_t*>(MapRaw(kBufferBytes));
  return buffer_ != nullptr;
}

bool GraphFile::Close() noexcept {
  if (buffer_ != nullptr) {
    Flush();
    UnmapRaw(buffer_, kBufferBytes);
  }
  if (fd_ >= 0 && close(fd_) != 0) failed_ = true;
  return fd_ >= 0 && !failed_;
}

void GraphFile::Flush() noexcept {
  std::size_t at = 0;
  while (at < used_ && !failed_) {
    const ssize_t n = write(fd_, buffer_ + at, used_ - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failed_ = true;
    } else {
      at += static_cast<std::size_t>(n);
    }
  }
  used_ = 0;
}

void GraphFile::PutHeader() noexcept {
  for (const char c : wire::kGraphMagic) PutByte(static_cast<std::uint8_t>(c));
  for (int shift = 0; shift < 32; shift += 8) {
    PutByte(static_cast<std::uint8_t>(wire::kGraphVersion >> shift));
  }
}

void GraphFile::PutByte(std::uint8_t value) noexcept {
  if (used_ + kMostBytes > kBufferBytes) Flush();
  buffer_[used_++] = value;
}

void GraphFile::PutNumber(std::uint64_t value) noexcept {
  if (used_ + kMostBytes > kBufferBytes) Flush();
  used_ = static_cast<std::size_t>(wire::PutVarint(buffer_ + used_, value) - buffer_);
}

void GraphFile::PutSigned(std::int64_t value) noexcept { PutNumber(wire::ZigZag(value)); }

void GraphFile::PutText(const char* text, std::size_t bytes) noexcept {
  if (bytes > kMostBytes - 16) bytes = kMostBytes - 16;
  PutNumber(bytes);
  if (used_ + kMostBytes > kBufferBytes) Flush();
  std::memcpy(buffer_ + used_, text, bytes);
  used_ += bytes;
}

void GraphFile::PutLabel(const GraphLabel& label) noexcept {
  PutByte(static_cast<std::uint8_t>(label.kind));
  switch (label.kind) {
    case wire::Label::kAttribute:
    case wire::Label::kTextKey:
    case wire::Label::kOtherKey:
    case wire::Label::kLocal:
    case wire::Label::kCell:
      PutText(label.text, label.text_bytes);
      break;
    case wire::Label::kNumberKey:
      PutSigned(label.number);
      break;
    case wire::Label::kIndex:
    case wire::Label::kNative:
      PutNumber(static_cast<std::uint64_t>(label.number));
      break;
    case wire::Label::kNone:
    case wire::Label::kDict:
    case wire::Label::kItem:
      break;
  }
}

void GraphFile::PutParent(bool is_root, std::uint32_t number) noexcept {
  if (is_root) {
    PutNumber(0);
    PutNumber(number);
  } else {
    PutNumber(std::uint64_t{number} + 1);
  }
}

}  // namespace memwhy::agent
