// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/claims.h"

#include <algorithm>

namespace memwhy::model {

ClaimList Disjoint(ClaimList claims) {
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  });
  ClaimList disjoint;
  disjoint.reserve(claims.size());
  std::uint64_t taken_to = 0;
  for (Claim claim : claims) {
    claim.begin = std::max(claim.begin, taken_to);
    if (claim.begin >= claim.end) continue;
    taken_to = claim.end;
    disjoint.push_back(claim);
  }
  return disjoint;
}

ClaimList Overlay(const ClaimList& inner, const ClaimList& outer) {
  if (inner.empty()) return outer;
  ClaimList result;
  result.reserve(inner.size() + outer.size());
  auto next = inner.begin();
  for (Claim rest : outer) {
    while (next != inner.end() && next->end <= rest.begin) result.push_back(*next++);
    // Inner claims that begin within `rest`, or reach into it.
    for (auto cut = next; cut != inner.end() && cut->begin < rest.end; ++cut) {
      if (rest.begin < cut->begin) {
        Claim piece = rest;
        piece.end = cut->begin;
        result.push_back(piece);
      }
      rest.begin = std::max(rest.begin, cut->end);
      if (cut->end <= rest.end) {
        result.push_back(*cut);
        next = cut + 1;
      } else {
        rest.begin = rest.end;  // the cut goes on behind `rest`; it is pushed later
        break;
      }
    }
    if (rest.begin < rest.end) result.push_back(rest);
  }
  result.insert(result.end(), next, inner.end());
  return result;
}

Residency::Residency(std::span<const Range> runs) : runs_(runs.begin(), runs.end()) {
  std::sort(runs_.begin(), runs_.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::uint64_t covered_to = 0;
  std::uint64_t bytes = 0;
  for (Range& run : runs_) {
    run.begin = std::max(run.begin, covered_to);
    run.end = std::max(run.end, run.begin);
    covered_to = run.end;
    bytes_before_.push_back(bytes);
    bytes += run.end - run.begin;
  }
}

std::uint64_t Residency::BytesBelow(std::uint64_t address) const {
  const auto it =
      std::upper_bound(runs_.begin(), runs_.end(), address,
                       [](std::uint64_t value, const Range& run) { return value < run.begin; });
  if (it == runs_.begin()) return 0;
  const auto at = static_cast<std::size_t>(it - runs_.begin()) - 1;
  return bytes_before_[at] + std::min(address, runs_[at].end) - runs_[at].begin;
}

Bytes Residency::BytesIn(std::uint64_t begin, std::uint64_t end) const {
  return begin < end ? BytesBelow(end) - BytesBelow(begin) : 0;
}

}  // namespace memwhy::model
