// SPDX-License-Identifier: Apache-2.0
//
// What stands in the place of a text that must not be stored (--redact): a token that is the same
// for the same text and key, tells its kind, and does not lead back without the key, which is never
// written to a file: "<str:7f3a09bc>". A keyed hash (SipHash-2-4), so that guessing texts is of no
// use to who has only tokens. No memory; any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace memwhy::wire {

struct RedactionKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

class SipHash {
 public:
  static std::uint64_t Of(const RedactionKey& key, const void* data, std::size_t bytes) noexcept {
    SipHash hash(key);
    const auto* at = static_cast<const unsigned char*>(data);
    for (std::size_t left = bytes; left >= 8; left -= 8, at += 8) hash.Add(Load(at, 8));
    hash.Add(Load(at, bytes % 8) | static_cast<std::uint64_t>(bytes) << 56);
    return hash.Finish();
  }

 private:
  explicit SipHash(const RedactionKey& key) noexcept
      : a_(key.low ^ 0x736f6d6570736575u),
        b_(key.high ^ 0x646f72616e646f6du),
        c_(key.low ^ 0x6c7967656e657261u),
        d_(key.high ^ 0x7465646279746573u) {}
  static std::uint64_t Load(const unsigned char* at, std::size_t bytes) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes; ++i) word |= std::uint64_t{at[i]} << (8 * i);
    return word;
  }
  static std::uint64_t Turn(std::uint64_t x, int bits) noexcept {
    return x << bits | x >> (64 - bits);
  }
  void Round() noexcept {
    a_ += b_;
    b_ = Turn(b_, 13) ^ a_;
    a_ = Turn(a_, 32);
    c_ += d_;
    d_ = Turn(d_, 16) ^ c_;
    a_ += d_;
    d_ = Turn(d_, 21) ^ a_;
    c_ += b_;
    b_ = Turn(b_, 17) ^ c_;
    c_ = Turn(c_, 32);
  }
  void Add(std::uint64_t word) noexcept {
    d_ ^= word;
    Round();
    Round();
    a_ ^= word;
  }
  std::uint64_t Finish() noexcept {
    c_ ^= 0xff;
    for (int i = 0; i < 4; ++i) Round();
    return a_ ^ b_ ^ c_ ^ d_;
  }

  std::uint64_t a_;
  std::uint64_t b_;
  std::uint64_t c_;
  std::uint64_t d_;
};

inline constexpr std::size_t kMaxTokenBytes = 24;
inline constexpr std::size_t kTokenDigits = 8;

// "<kind:7f3a09bc>" for a text; returns its length. `out` has room for kMaxTokenBytes; `kind` has
// 12 letters at most.
inline std::size_t PutToken(const RedactionKey& key, std::string_view kind, const void* text,
                            std::size_t bytes, char* out) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  const std::uint64_t hash = SipHash::Of(key, text, bytes);
  std::size_t n = 0;
  out[n++] = '<';
  for (const char c : kind.substr(0, kMaxTokenBytes - kTokenDigits - 3)) out[n++] = c;
  out[n++] = ':';
  for (std::size_t i = 0; i < kTokenDigits; ++i) out[n++] = kDigits[hash >> (60 - 4 * i) & 15];
  out[n++] = '>';
  return n;
}

// Whether a text looks like one. A program's own text may, too: of use only to show it.
constexpr bool IsToken(std::string_view text) noexcept {
  if (text.size() < kTokenDigits + 4 || text.size() > kMaxTokenBytes || text.front() != '<' ||
      text.back() != '>' || text[text.size() - kTokenDigits - 2] != ':') {
    return false;
  }
  for (const char c : text.substr(1, text.size() - kTokenDigits - 3)) {
    if (c < 'a' || c > 'z') return false;
  }
  for (const char c : text.substr(text.size() - kTokenDigits - 1, kTokenDigits)) {
    if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) return false;
  }
  return true;
}

// The key as the recorder hands it to its targets, behind this in MEMWHY_MODES: 32 digits.
inline constexpr char kRedactMode[] = "redact:";
inline constexpr std::size_t kKeyDigits = 32;

// False: these are no such digits.
constexpr bool ParseRedactionKey(const char* digits, RedactionKey* key) noexcept {
  std::uint64_t words[2] = {};
  for (std::size_t i = 0; i < kKeyDigits; ++i) {
    const char c = digits[i];
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && (c < 'a' || c > 'f')) return false;
    words[i / 16] =
        words[i / 16] << 4 | static_cast<std::uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
  }
  *key = {words[0], words[1]};
  return true;
}

}  // namespace memwhy::wire
