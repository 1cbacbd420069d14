// SPDX-License-Identifier: Apache-2.0
//
// A list with room for kRoom items in itself, and their number. A push beyond that is seen: who
// pushes says what becomes of what is not in the list. Zeroed memory is an empty list.
#pragma once

#include <cstddef>

namespace memwhy::agent {

template <typename T, std::size_t kRoom>
class FixedList {
 public:
  // False: it is full, and as it was.
  [[nodiscard]] bool Push(const T& item) noexcept {
    if (count_ == kRoom) return false;
    items_[count_++] = item;
    return true;
  }
  void Clear() noexcept { count_ = 0; }

  std::size_t count() const { return count_; }
  bool is_full() const { return count_ == kRoom; }
  T& operator[](std::size_t index) { return items_[index]; }
  const T& operator[](std::size_t index) const { return items_[index]; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + count_; }

 private:
  std::size_t count_ = 0;
  T items_[kRoom];
};

}  // namespace memwhy::agent
