// SPDX-License-Identifier: Apache-2.0
//
// An array for many millions of plain values. Grows without copying (mremap moves the pages), so it
// never takes memory twice, and room that was not used costs nothing. Zeroed where only resized.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace memwhy::model {

template <typename T>
  requires std::is_trivially_copyable_v<T>
class LargeArray {
 public:
  LargeArray() = default;
  ~LargeArray() { clear(); }
  LargeArray(LargeArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        room_(std::exchange(other.room_, 0)) {}
  LargeArray& operator=(LargeArray&& other) noexcept {
    if (this != &other) {
      clear();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      room_ = std::exchange(other.room_, 0);
    }
    return *this;
  }

  void push_back(T value) {
    if (size_ == room_) Reserve(room_ == 0 ? kFirstRoom : room_ * 2);
    data_[size_++] = value;
  }
  void resize(std::size_t size) {
    if (size > room_) Reserve(size);
    // What was used before and given up would not be zero.
    if (size < size_) std::memset(static_cast<void*>(data_ + size), 0, (size_ - size) * sizeof(T));
    size_ = size;
  }
  // Gives the memory back.
  void clear() noexcept {
    if (data_ != nullptr) munmap(data_, room_ * sizeof(T));
    data_ = nullptr;
    size_ = room_ = 0;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  operator std::span<const T>() const { return {data_, size_}; }  // NOLINT: as a vector

 private:
  static constexpr std::size_t kFirstRoom = 64 * 1024 / sizeof(T);

  void Reserve(std::size_t room) {
    void* at = data_ == nullptr
                   ? mmap(nullptr, room * sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                   : mremap(data_, room_ * sizeof(T), room * sizeof(T), MREMAP_MAYMOVE);
    if (at == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(at);
    room_ = room;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace memwhy::model
