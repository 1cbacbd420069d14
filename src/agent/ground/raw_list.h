// SPDX-License-Identifier: Apache-2.0
//
// A list that grows, for the time of one request: it owns its items and their number. Plain memory
// by system call, nothing is constructed or destroyed; no malloc. A push that fails is seen: who
// pushes says what becomes of what is not in the list.
#pragma once

#include <cstddef>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {

template <typename T>
class RawList {
 public:
  RawList() = default;
  ~RawList() { FreeRaw(array_); }
  RawList(const RawList&) = delete;
  RawList& operator=(const RawList&) = delete;

  // False: no memory, the list is as it was.
  [[nodiscard]] bool Push(const T& item) noexcept {
    if (!Reserve(count_ + 1)) return false;
    array_.items[count_++] = item;
    return true;
  }
  // Room for so many items; they can be pushed without looking. False: no memory.
  [[nodiscard]] bool Reserve(std::size_t count) noexcept { return GrowRaw(array_, count); }
  // Into room that was reserved.
  void PushReserved(const T& item) noexcept { array_.items[count_++] = item; }

  // Takes the last item out; there is one.
  T Pop() noexcept { return array_.items[--count_]; }
  // Drops all items from `count` on, and keeps their memory.
  void Truncate(std::size_t count) noexcept { count_ = count; }
  void Clear() noexcept { count_ = 0; }
  // Gives the memory back, too.
  void Release() noexcept {
    FreeRaw(array_);
    count_ = 0;
  }

  std::size_t count() const { return count_; }
  bool is_empty() const { return count_ == 0; }
  T& operator[](std::size_t index) { return array_.items[index]; }
  const T& operator[](std::size_t index) const { return array_.items[index]; }
  T& last() { return array_.items[count_ - 1]; }
  T* begin() { return array_.items; }
  T* end() { return array_.items + count_; }
  const T* begin() const { return array_.items; }
  const T* end() const { return array_.items + count_; }

 private:
  RawArray<T> array_;
  std::size_t count_ = 0;
};

}  // namespace memwhy::agent
