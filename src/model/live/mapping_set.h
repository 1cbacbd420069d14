// SPDX-License-Identifier: Apache-2.0
//
// Live mappings (mmap, mremap, brk) as an interval map. A mapping that is unmapped in parts gives
// its bytes back at once and its block with the last part; a new mapping over an old one
// (MAP_FIXED) replaces the part that it covers. Bytes are requested bytes: the last page's rest
// counts for nothing. Invariant: pieces never overlap; a mapping's bytes are the sum of its pieces.
// Copyable. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

namespace memwhy::model {

inline constexpr std::uint64_t kOsPage = 4096;

class MappingSet {
 public:
  // What an unmapping took from one mapping.
  struct Loss {
    std::uint32_t row = 0;
    std::uint64_t bytes = 0;
    bool is_last = false;     // nothing of the mapping is left
    std::uint64_t begin = 0;  // the mapping's original address
    std::uint64_t original_size = 0;
  };
  struct Piece {
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
    std::uint32_t row = 0;
    std::uint64_t mapping = 0;  // equal for the pieces of one mapping
  };

  // A mapping of `size` bytes at `address`, booked to `row`. Returns what it replaced.
  std::vector<Loss> Acquire(std::uint64_t address, std::uint64_t size, std::uint32_t row);
  // A further part of the mapping that was acquired last, which may have holes.
  void AddPart(std::uint64_t address, std::uint64_t size);
  // Takes [address, address + size), rounded up to whole pages as the kernel does. One entry per
  // mapping and hole; empty when nothing known was there.
  std::vector<Loss> Unmap(std::uint64_t address, std::uint64_t size);

  std::size_t size() const { return mappings_.size(); }
  // By address.
  std::vector<Piece> Pieces() const;
  void Clear();

  // Calls visit(row) once per live mapping.
  template <typename Visit>
  void ForEachMapping(Visit visit) const {
    for (const auto& [id, mapping] : mappings_) visit(mapping.row);
  }

  template <typename Translate>
  void TranslateRows(Translate translate) {
    for (auto& [id, mapping] : mappings_) mapping.row = translate(mapping.row);
  }

 private:
  struct Mapping {
    std::uint32_t row;
    std::uint32_t pieces;
    std::uint64_t begin;
    std::uint64_t size;
  };
  struct Interval {
    std::uint64_t end;
    std::uint64_t mapping;
  };
  std::vector<Loss> Take(std::uint64_t begin, std::uint64_t end);

  std::map<std::uint64_t, Interval> intervals_;  // by begin
  std::unordered_map<std::uint64_t, Mapping> mappings_;
  std::uint64_t next_id_ = 0;
};

}  // namespace memwhy::model
