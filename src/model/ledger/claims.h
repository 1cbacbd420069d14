// SPDX-License-Identifier: Apache-2.0
//
// Claims on address ranges, and who wins where they overlap. A ClaimList is sorted and disjoint, so
// a byte is booked once. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "model/live/mapping_set.h"
#include "model/recording.h"

namespace memwhy::model {

inline std::uint64_t PageDown(std::uint64_t address) { return address / kOsPage * kOsPage; }
// The last page stays where it is.
inline std::uint64_t PageUp(std::uint64_t address) {
  return address > UINT64_MAX - kOsPage ? PageDown(UINT64_MAX) : PageDown(address + kOsPage - 1);
}
inline std::uint64_t AddSaturating(std::uint64_t a, std::uint64_t b) {
  return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

// From the innermost owner to the outermost.
enum class ClaimKind : std::uint8_t {
  kMemwhy,
  kPymallocBlock,   // a block of an object domain inside of an arena; of: the arena's index
  kPymallocArena,   // of: the arena's index
  kMallocChunk,     // a live block with its header
  kMallocMapped,    // a live block in a mapping of its own, whole pages
  kProgramMapping,  // mmap, mremap, brk seen by a hook
  kMallocHeap,      // [heap], a thread arena's heap
  kThreadStack,
  kLibraryData,  // .bss
  kAnonymous,
};
inline constexpr std::size_t kClaimKinds = 10;

struct Claim {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  ClaimKind kind{};
  bool is_owned = false;
  std::uint32_t of = 0;
};

using ClaimList = std::vector<Claim>;

// Sorts and makes disjoint: where two claims of one list overlap, the one that begins first keeps
// the bytes (the longer one where both begin together). Empty claims go.
ClaimList Disjoint(ClaimList claims);

// Both lists disjoint: `inner` whole, and of `outer` what `inner` leaves.
ClaimList Overlay(const ClaimList& inner, const ClaimList& outer);

// Resident bytes of a range, from sorted, disjoint runs.
class Residency {
 public:
  explicit Residency(std::span<const Range> runs);
  Bytes BytesIn(std::uint64_t begin, std::uint64_t end) const;

 private:
  std::uint64_t BytesBelow(std::uint64_t address) const;
  std::vector<Range> runs_;
  std::vector<std::uint64_t> bytes_before_;  // of runs before this one
};

}  // namespace memwhy::model
