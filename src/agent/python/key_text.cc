// SPDX-License-Identifier: Apache-2.0
#include "agent/python/key_text.h"

#include "agent/ground/agent.h"

namespace memwhy::agent {

std::size_t CutText(const char* text, std::size_t bytes) noexcept {
  constexpr int kMaxCharacters = 64;
  std::size_t at = 0;
  for (int characters = 0; at < bytes && characters < kMaxCharacters; ++characters) {
    do {
      ++at;
    } while (at < bytes && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  }
  return at;
}

bool PeekSmallInt(cpython::Address number, std::int64_t* value) noexcept {
  // ob_size is the count of digits with the number's sign; from 3.12 on lv_tag is digits << 3 |
  // sign (0 positive, 1 zero, 2 negative).
  const auto size = cpython::Peek<std::int64_t>(number, cpython::kVarSize);
  const bool is_tag = g_agent.python.layout->minor >= 12;
  const std::int64_t digits = is_tag ? size >> 3 : size < 0 ? -size : size;
  const bool is_negative = is_tag ? (size & 3) == 2 : size < 0;
  if (digits < 0 || digits > 2) return false;
  *value = 0;
  for (std::int64_t i = digits - 1; i >= 0; --i) {
    const auto digit = cpython::kIntDigitBytes * static_cast<std::uint32_t>(i);
    *value = (*value << 30) | cpython::Peek<std::uint32_t>(number, cpython::kIntDigits + digit);
  }
  if (is_negative) *value = -*value;
  return true;
}

}  // namespace memwhy::agent
