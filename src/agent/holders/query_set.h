// SPDX-License-Identifier: Apache-2.0
//
// The objects of which a clone is asked where pointers to them are: does this word of memory lead
// to one of them? To where it begins, to its text, which C code keeps in place of the object (a
// docstring's `const char*`), or into its body: C libraries point to what they were given, which
// lies within an object (a libev watcher, a list head). Runs in a clone; no malloc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/ground/raw_memory.h"
#include "cpython/layout.h"
#include "cpython/peek.h"

namespace memwhy::agent {

class QuerySet {
 public:
  enum class Part : std::uint8_t { kBegin, kText, kBody };
  struct Match {
    std::size_t object;  // its number
    Part part;
  };

  // `objects`: sorted; both must outlive this.
  QuerySet(const cpython::Layout& layout, const cpython::Address* objects,
           std::size_t count) noexcept
      : layout_(layout), objects_(objects), count_(count) {}
  ~QuerySet();
  QuerySet(const QuerySet&) = delete;
  QuerySet& operator=(const QuerySet&) = delete;

  // Before all else. `ends`: where the body of each ends, 0: it has none that C code may point
  // into. False: no memory.
  bool Load(const cpython::Address* ends, FaultGuard& guard) noexcept;

  std::size_t count() const { return count_; }
  cpython::Address object(std::size_t number) const { return objects_[number]; }
  cpython::Address EndOfBody(std::size_t number) const {
    return objects_[number] + bodies_.items[number];
  }

  // The number of the first one that does not lie before `address`; count(): there is none.
  std::size_t FirstFrom(cpython::Address address) const noexcept {
    return static_cast<std::size_t>(std::lower_bound(objects_, objects_ + count_, address) -
                                    objects_);
  }

  // Whether a word may lead to one of them, whatever its lowest bits: frames and C code write into
  // those. Next to all words of memory do not.
  bool MayLead(cpython::Address word) const noexcept {
    const std::size_t bit = FilterBit(word, 64 - filter_bits_);
    return (filter_[bit >> 6] >> (bit & 63) & 1) != 0;
  }
  // False: it leads to none.
  bool Find(cpython::Address word, Match* match) const noexcept;

 private:
  static std::size_t FilterBit(cpython::Address word, unsigned shift) noexcept {
    return static_cast<std::size_t>((word >> 3) * 0x9e3779b97f4a7c15ull >> shift);
  }
  std::size_t FilterBytes() const noexcept { return (std::size_t{1} << filter_bits_) / 8; }
  std::size_t Hash(cpython::Address address) const noexcept {
    return static_cast<std::size_t>((address >> 3) * 0xff51afd7ed558ccdull >> 24) &
           (table_.capacity - 1);
  }
  std::size_t TakeBodies(const cpython::Address* ends) noexcept;
  void Insert(cpython::Address address, std::size_t number) noexcept;

  static constexpr unsigned kMinFilter = 15;  // bits of the filter's index: 4 KiB

  const cpython::Layout& layout_;
  const cpython::Address* objects_;
  std::size_t count_;
  std::uint64_t* filter_ = nullptr;
  unsigned filter_bits_ = kMinFilter;
  RawArray<cpython::Address> texts_;   // 0: none
  RawArray<cpython::Address> bodies_;  // bytes of those that C code may point into, or 0
  // Numbers + 1; open addressing, a power of two. Several may have one address: a text and a body.
  RawArray<std::uint32_t> table_;
};

}  // namespace memwhy::agent
