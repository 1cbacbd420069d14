// SPDX-License-Identifier: Apache-2.0
#include "monitor/remote_window.h"

namespace memwhy::monitor {

bool RemoteWindow::Copy(std::uint64_t address, std::span<std::byte> into) {
  if (address > UINT64_MAX - kPageBytes - into.size()) return false;
  if (address < begin_ || address + into.size() > begin_ + bytes_.size()) {
    if (!Load(address, into.size())) return false;
  }
  std::memcpy(into.data(), bytes_.data() + (address - begin_), into.size());
  return true;
}

bool RemoteWindow::Load(std::uint64_t address, std::uint64_t size) {
  const std::uint64_t begin = address / kPageBytes * kPageBytes;
  const std::uint64_t least = (address + size + kPageBytes - 1) / kPageBytes * kPageBytes - begin;
  // As much as is resident without a gap.
  std::uint64_t length = 0;
  while (length < std::max(kWindowBytes, least) &&
         residency_.BytesIn(begin + length, begin + length + kPageBytes) == kPageBytes) {
    length += kPageBytes;
  }
  bytes_.clear();
  if (length < least) return false;
  bytes_.resize(length);
  begin_ = begin;
  if (read_(begin, bytes_)) return true;
  bytes_.clear();
  return false;
}

}  // namespace memwhy::monitor
