// SPDX-License-Identifier: Apache-2.0
//
// How much a reader keeps in memory of one session. A compressed byte may stand for thousands, so a
// hostile file of some kilobytes could fill a machine; what recordings say in a byte takes far less
// than kPerByte to keep. Bytes that were read raise the allowance; everything that is kept is
// charged, roughly and before it is kept. One thread.
#pragma once

#include <cstdint>

namespace memwhy::session {

class Allowance {
 public:
  static constexpr std::uint64_t kFree = 64u << 20;
  static constexpr std::uint64_t kPerByte = 256;

  // Bytes of a file were read (not what they unfold to).
  void Earn(std::uint64_t file_bytes) {
    constexpr std::uint64_t kMax = ~std::uint64_t{0};
    left_ = file_bytes > (kMax - left_) / kPerByte ? kMax : left_ + kPerByte * file_bytes;
  }
  // False when it is too much; nothing is charged then.
  bool Charge(std::uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  std::uint64_t left_ = kFree;
};

}  // namespace memwhy::session
