// SPDX-License-Identifier: Apache-2.0
//
// Memory of another process, read in windows that go forward. Only resident pages are read, so
// nothing comes back from swap. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "monitor/malloc_walk.h"

namespace memwhy::monitor {

class RemoteWindow {
 public:
  RemoteWindow(const ReadMemory& read, const model::Residency& residency)
      : read_(read), residency_(residency) {}

  void Forget() { bytes_.clear(); }

  // nullopt: not resident, or it cannot be read.
  template <typename T>
  std::optional<T> Get(std::uint64_t address) {
    std::array<std::byte, sizeof(T)> bytes;
    if (!Copy(address, bytes)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }

 private:
  static constexpr std::uint64_t kPageBytes = 4096;
  static constexpr std::uint64_t kWindowBytes = std::uint64_t{256} << 10;

  bool Copy(std::uint64_t address, std::span<std::byte> into);
  bool Load(std::uint64_t address, std::uint64_t size);

  const ReadMemory& read_;
  const model::Residency& residency_;
  std::uint64_t begin_ = 0;
  std::vector<std::byte> bytes_;
};

}  // namespace memwhy::monitor
