// SPDX-License-Identifier: Apache-2.0
#include "model/live/mapping_set.h"

#include <algorithm>
#include <iterator>

namespace memwhy::model {
namespace {

// Saturates: addresses and sizes come from outside.
std::uint64_t EndOf(std::uint64_t address, std::uint64_t size) {
  return size > UINT64_MAX - address ? UINT64_MAX : address + size;
}

std::uint64_t RoundUpToPage(std::uint64_t end) {
  return end > UINT64_MAX - kOsPage ? UINT64_MAX : (end + kOsPage - 1) / kOsPage * kOsPage;
}

}  // namespace

std::vector<MappingSet::Loss> MappingSet::Acquire(std::uint64_t address, std::uint64_t size,
                                                  std::uint32_t row) {
  std::vector<Loss> replaced = Unmap(address, size);
  const std::uint64_t end = EndOf(address, size);
  if (end == address) return replaced;
  const std::uint64_t id = next_id_++;
  mappings_.emplace(id, Mapping{row, 1, address, end - address});
  intervals_.emplace(address, Interval{end, id});
  return replaced;
}

void MappingSet::AddPart(std::uint64_t address, std::uint64_t size) {
  const auto owner = mappings_.find(next_id_ - 1);
  const std::uint64_t end = EndOf(address, size);
  if (owner == mappings_.end() || end == address) return;
  Take(address, RoundUpToPage(end));
  // The part may have been all that its mapping still had.
  const auto kept = mappings_.find(next_id_ - 1);
  if (kept == mappings_.end()) return;
  if (!intervals_.emplace(address, Interval{end, next_id_ - 1}).second) return;
  ++kept->second.pieces;
}

std::vector<MappingSet::Loss> MappingSet::Unmap(std::uint64_t address, std::uint64_t size) {
  if (size == 0) return {};
  return Take(address, RoundUpToPage(EndOf(address, size)));
}

std::vector<MappingSet::Loss> MappingSet::Take(std::uint64_t begin, std::uint64_t end) {
  std::vector<Loss> losses;
  auto it = intervals_.upper_bound(begin);
  if (it != intervals_.begin() && std::prev(it)->second.end > begin) --it;
  while (it != intervals_.end() && it->first < end) {
    const std::uint64_t piece_begin = it->first;
    const Interval piece = it->second;
    const auto owner = mappings_.find(piece.mapping);
    Mapping& mapping = owner->second;
    it = intervals_.erase(it);
    --mapping.pieces;
    const std::uint64_t cut_begin = std::max(begin, piece_begin);
    const std::uint64_t cut_end = std::min(end, piece.end);
    if (piece_begin < cut_begin) {
      intervals_.emplace(piece_begin, Interval{cut_begin, piece.mapping});
      ++mapping.pieces;
    }
    if (cut_end < piece.end) {
      it = std::next(intervals_.emplace(cut_end, Interval{piece.end, piece.mapping}).first);
      ++mapping.pieces;
    }
    const bool is_last = mapping.pieces == 0;
    losses.push_back(Loss{mapping.row, cut_end - cut_begin, is_last, mapping.begin, mapping.size});
    if (is_last) mappings_.erase(owner);
  }
  return losses;
}

std::vector<MappingSet::Piece> MappingSet::Pieces() const {
  std::vector<Piece> pieces;
  pieces.reserve(intervals_.size());
  for (const auto& [begin, interval] : intervals_) {
    pieces.push_back(
        Piece{begin, interval.end - begin, mappings_.at(interval.mapping).row, interval.mapping});
  }
  return pieces;
}

void MappingSet::Clear() { *this = MappingSet(); }

}  // namespace memwhy::model
