// SPDX-License-Identifier: Apache-2.0
//
// Builds a NUL-terminated text in a fixed array, cut when it is full. Allocates: never.
#pragma once

#include <cstddef>
#include <cstdint>

namespace memwhy::agent {

class TextBuffer {
 public:
  TextBuffer(char* out, std::size_t room) noexcept : at_(out), end_(out + room - 1) { *at_ = 0; }

  TextBuffer& Text(const char* text) noexcept {
    while (*text != 0 && at_ < end_) *at_++ = *text++;
    *at_ = 0;
    return *this;
  }

  TextBuffer& Number(std::uint64_t value) noexcept {
    char digits[21];
    char* first = digits + sizeof(digits) - 1;
    *first = 0;
    do {
      *--first = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    return Text(first);
  }

 private:
  char* at_;
  char* end_;
};

}  // namespace memwhy::agent
