// SPDX-License-Identifier: Apache-2.0
//
// The bytes of one column while it is written: a vector that may be written to by plain stores. The
// recorder puts several numbers here for each event of the target. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "wire/varint.h"

namespace memwhy::session {

class ColumnBuffer {
 public:
  void Clear() { at_ = begin_.get(); }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_.get()); }
  std::span<const std::uint8_t> bytes() const { return {begin_.get(), size()}; }

  void Byte(std::uint8_t value) {
    Room(1);
    *at_++ = value;
  }
  void Number(std::uint64_t value) {
    Room(wire::kMaxVarintBytes);
    at_ = wire::PutVarint(at_, value);
  }
  // Plain stores: where up to `bytes` may be written, until SetEnd says where they end.
  std::uint8_t* Reserve(std::size_t bytes) {
    Room(bytes);
    return at_;
  }
  void SetEnd(std::uint8_t* end) { at_ = end; }
  void Text(std::string_view text) {
    Room(text.size());
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

 private:
  void Room(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) [[unlikely]] {
      Grow(bytes);
    }
  }
  [[gnu::noinline]] void Grow(std::size_t bytes) {
    const std::size_t used = size();
    const std::size_t capacity = std::max<std::size_t>(4096, 2 * (used + bytes));
    std::unique_ptr<std::uint8_t[]> larger(new std::uint8_t[capacity]);
    if (used != 0) std::memcpy(larger.get(), begin_.get(), used);
    begin_ = std::move(larger);
    at_ = begin_.get() + used;
    end_ = begin_.get() + capacity;
  }

  std::unique_ptr<std::uint8_t[]> begin_;
  std::uint8_t* at_ = nullptr;
  std::uint8_t* end_ = nullptr;
};

}  // namespace memwhy::session
