// SPDX-License-Identifier: Apache-2.0
//
// Predicts the addresses of a block's events, so that most are sent as one small number: an
// allocator hands out what was last given back in that size, and programs give back what they took
// last. Writer and reader feed the same model with the same events; it starts empty with each
// block. A prediction is a token: 0 = not predicted; of a release, 1 + how many acquisitions ago
// the block was taken; of an acquisition, 1 + how many releases of its size class ago it was given
// back, or kOfUnknown + the same among blocks whose size is not known. Size classes are those of
// glibc's chunks (16 bytes, 8 bytes of header); other allocators only predict less well. No
// allocation.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace memwhy::session {

class AddressModel {
 public:
  static constexpr std::uint8_t kNone = 0;
  static constexpr std::uint8_t kOfUnknown = 1 + 8;

  void Reset() {
    taken_.fill({});
    given_.fill({});
    homes_.fill(0);
    next_ = kTaken;  // so that no acquisition seems to be the one before the first
  }

  // The token of an event that takes or gives `address`, and the event itself.
  // An address of 0 is never predicted and changes nothing.
  std::uint8_t Take(std::uint64_t address, std::uint64_t size) {
    if (address == 0) return kNone;
    const std::uint32_t size_class = ClassOf(size);
    std::uint8_t token = kNone;
    if (const unsigned at = Find(given_[BucketOf(size_class)], address); at != kNotFound) {
      token = static_cast<std::uint8_t>(1 + at);
      Remove(&given_[BucketOf(size_class)], at);
    } else if (const unsigned other = Find(given_[kUnknownBucket], address); other != kNotFound) {
      token = static_cast<std::uint8_t>(kOfUnknown + other);
      Remove(&given_[kUnknownBucket], other);
    }
    Taken(address, size_class);
    return token;
  }
  std::uint8_t Give(std::uint64_t address) {
    if (address == 0) return kNone;
    if (const unsigned age = FindTaken(address); age != kNotFound) {
      Block& block = taken_[(next_ - 1 - age) % kTaken];
      Given(&given_[BucketOf(block.size_class)], address);
      block.address = 0;
      return static_cast<std::uint8_t>(1 + age);
    }
    Given(&given_[kUnknownBucket], address);
    return kNone;
  }

  // The reader's side: the address that a token stands for, 0 when it stands for none. With kNone
  // the address was sent and is passed in.
  std::uint64_t TakeBy(std::uint8_t token, std::uint64_t address, std::uint64_t size) {
    const std::uint32_t size_class = ClassOf(size);
    if (token != kNone) {
      const bool is_unknown = token >= kOfUnknown;
      Bucket& bucket = given_[is_unknown ? kUnknownBucket : BucketOf(size_class)];
      const unsigned at = token - (is_unknown ? unsigned{kOfUnknown} : 1u);
      if (at >= kGiven) return 0;
      address = bucket.address[SlotOf(bucket, at)];
      Remove(&bucket, at);
    }
    if (address != 0) Taken(address, size_class);
    return address;
  }
  std::uint64_t GiveBy(std::uint8_t token, std::uint64_t address) {
    if (token == kNone) {
      if (address != 0) Given(&given_[kUnknownBucket], address);
      return address;
    }
    const unsigned age = token - 1u;
    if (age >= kTaken) return 0;
    Block& block = taken_[(next_ - 1 - age) % kTaken];
    address = block.address;
    if (address == 0) return 0;
    Given(&given_[BucketOf(block.size_class)], address);
    block.address = 0;
    return address;
  }

 private:
  static constexpr unsigned kTaken = 32;
  static constexpr unsigned kHomeBits = 9;
  static constexpr unsigned kGiven = 8;
  static constexpr unsigned kBuckets = 256;
  static constexpr unsigned kUnknownBucket = kBuckets;
  static constexpr unsigned kNotFound = ~0u;
  struct Block {
    std::uint64_t address = 0;
    std::uint32_t size_class = 0;
  };
  // The blocks given back, the latest first by `order` (a slot in each four bits), each with a byte
  // of its address's hash in the same order, so that one look finds a block among them.
  struct Bucket {
    std::array<std::uint64_t, kGiven> address{};  // 0: none
    std::uint64_t prints = 0;
    std::uint32_t order = 0x76543210;
  };

  static std::uint32_t ClassOf(std::uint64_t size) {
    return static_cast<std::uint32_t>((size + 8 + 15) / 16);
  }
  // Neighbouring small classes have a bucket of their own.
  static unsigned BucketOf(std::uint32_t size_class) {
    return (size_class ^ size_class >> 8 ^ size_class >> 16) % kBuckets;
  }
  static std::uint64_t Mix(std::uint64_t address) { return address * 0x9e3779b97f4a7c15u; }
  static unsigned HomeOf(std::uint64_t address) {
    return static_cast<unsigned>(Mix(address) >> (64 - kHomeBits));
  }
  static std::uint8_t PrintOf(std::uint64_t address) {
    return static_cast<std::uint8_t>(Mix(address) >> 40);
  }
  static unsigned SlotOf(const Bucket& bucket, unsigned at) { return bucket.order >> (4 * at) & 7; }
  // How many acquisitions ago it was taken. The latest of those with its hash tells most at once.
  unsigned FindTaken(std::uint64_t address) const {
    unsigned age = next_ - 1 - homes_[HomeOf(address)];
    if (age >= kTaken) return kNotFound;
    for (; age < kTaken; ++age) {
      if (taken_[(next_ - 1 - age) % kTaken].address == address) return age;
    }
    return kNotFound;
  }
  static unsigned Find(const Bucket& bucket, std::uint64_t address) {
    constexpr std::uint64_t kOnes = 0x0101010101010101u;
    // A byte of `other` is zero where the print is the same; these are all among `hits`.
    const std::uint64_t other = bucket.prints ^ (PrintOf(address) * kOnes);
    std::uint64_t hits = (other - kOnes) & ~other & (kOnes << 7);
    for (; hits != 0; hits &= hits - 1) {
      const auto at = static_cast<unsigned>(std::countr_zero(hits)) / 8;
      if (bucket.address[SlotOf(bucket, at)] == address) return at;
    }
    return kNotFound;
  }
  static void Remove(Bucket* bucket, unsigned at) {
    const unsigned slot = SlotOf(*bucket, at);
    bucket->address[slot] = 0;
    const std::uint32_t below = (1u << (4 * at)) - 1;  // those that stay
    bucket->order =
        (bucket->order & below) | (bucket->order >> 4 & ~below & 0x0fffffff) | slot << 28;
    const std::uint64_t kept = (std::uint64_t{1} << (8 * at)) - 1;
    bucket->prints =
        (bucket->prints & kept) | (bucket->prints >> 8 & ~kept & ~std::uint64_t{0} >> 8);
  }
  static void Given(Bucket* bucket, std::uint64_t address) {
    const unsigned slot = bucket->order >> 28;
    bucket->order = bucket->order << 4 | slot;
    bucket->prints = bucket->prints << 8 | PrintOf(address);
    bucket->address[slot] = address;
  }
  void Taken(std::uint64_t address, std::uint32_t size_class) {
    homes_[HomeOf(address)] = next_;
    taken_[next_++ % kTaken] = {address, size_class};
  }

  std::array<Block, kTaken> taken_{};              // around next_
  std::array<unsigned, 1u << kHomeBits> homes_{};  // by hash: the last acquisition's number
  std::array<Bucket, kBuckets + 1> given_{};
  unsigned next_ = kTaken;
};

}  // namespace memwhy::session
