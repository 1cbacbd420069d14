// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/build_ledger.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/strings.h"
#include "model/ledger/claims.h"
#include "model/ledger/malloc_view.h"
#include "model/ledger/mapping_kind.h"
#include "model/ledger/share_kind.h"
#include "model/live/mapping_set.h"

namespace memwhy::model {
namespace {

struct Booked {
  Bytes bytes = 0;
  Bytes owned = 0;
  void Add(Bytes more, bool is_owned) {
    bytes += more;
    if (is_owned) owned += more;
  }
};

bool Contains(const ClaimList& claims, std::uint64_t address) {
  const auto it =
      std::upper_bound(claims.begin(), claims.end(), address,
                       [](std::uint64_t value, const Claim& claim) { return value < claim.end; });
  return it != claims.end() && it->begin <= address;
}

// Shares of one account, in the order in which they are shown.
class ShareList {
 public:
  void Add(ShareKind kind, Booked booked) {
    if (booked.bytes == 0) return;
    shares_.push_back(MakeShare(kind, booked.bytes, booked.owned));
  }
  Ledger Close(Ledger ledger) && {
    Bytes sum = 0;
    for (const Share& share : shares_) sum += share.bytes;
    ledger.shares = std::move(shares_);
    ledger.unattributed = static_cast<SignedBytes>(ledger.total - sum);
    return ledger;
  }

 private:
  std::vector<Share> shares_;
};

class RssBooking {
 public:
  explicit RssBooking(const RssInput& input) : input_(input), pass_(input.pass) {}

  Ledger Build() {
    CollectArenas();
    const ClaimList claims = Claims();
    const Residency residency = ResidencyOfAnonymous();
    auto claim = claims.begin();
    for (const Mapping& mapping : pass_.mappings) {
      total_ += mapping.rss;
      switch (KindOf(mapping)) {
        case MappingKind::kFile: {
          const Bytes data = std::min(mapping.anonymous, mapping.rss);
          files_.Add(mapping.rss - data, true);
          library_data_.Add(data, true);
          break;
        }
        case MappingKind::kSharedMemory:
          BookShared(mapping);
          break;
        case MappingKind::kMemwhy:
          memwhy_.Add(mapping.rss, true);
          break;
        case MappingKind::kAnonymous:
          while (claim != claims.end() && claim->end <= mapping.begin) ++claim;
          BookAnonymous(mapping, claim, claims.end(), residency);
          break;
      }
    }
    return Close();
  }

 private:
  // Arenas of the table that was read from outside, and live ones that it lacks.
  void CollectArenas() {
    std::uint64_t arena_bytes = input_.process.arena_bytes;
    for (const LiveBlock& block : input_.blocks) {
      if (block.allocator == wire::Allocator::kPymallocArena && arena_bytes == 0) {
        arena_bytes = block.size;
      }
    }
    std::vector<std::pair<Range, const ArenaUse*>> found;
    for (const ArenaUse& use : pass_.arenas) {
      found.push_back({{use.address, AddSaturating(use.address, arena_bytes)}, &use});
    }
    for (const LiveBlock& block : input_.blocks) {
      if (block.allocator != wire::Allocator::kPymallocArena) continue;
      found.push_back({{block.address, AddSaturating(block.address, block.size)}, nullptr});
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first.begin < b.first.begin; });
    for (const auto& [range, use] : found) {
      if (!arenas_.empty() && arenas_.back().end > range.begin) continue;
      arenas_.push_back({range.begin, range.end, ClaimKind::kPymallocArena, false,
                         static_cast<std::uint32_t>(arena_uses_.size())});
      arena_uses_.push_back(use);
    }
    in_arena_.resize(arena_uses_.size());
  }

  ClaimList Claims() {
    const ClaimList heaps = FindMallocHeaps(pass_.mappings, input_.blocks);
    ClaimList memwhy;
    ClaimList library_data;
    for (const Claim& claim : FindLibraryData(pass_.mappings)) {
      (claim.kind == ClaimKind::kMemwhy ? memwhy : library_data).push_back(claim);
    }
    memwhy.push_back(
        {input_.process.private_begin, input_.process.private_end, ClaimKind::kMemwhy, true, 0});
    ClaimList pymalloc_blocks;
    ClaimList chunks;
    for (const LiveBlock& block : input_.blocks) {
      const bool has_stack = block.stack != kUnknownStack;
      if (block.allocator == wire::Allocator::kPymallocArena) continue;
      if (!IsMallocBlock(block)) {
        program_.push_back({block.address, PageUp(AddSaturating(block.address, block.size)),
                            ClaimKind::kProgramMapping, has_stack, 0});
      } else if (Contains(arenas_, block.address)) {
        pymalloc_blocks.push_back({block.address, AddSaturating(block.address, block.size),
                                   ClaimKind::kPymallocBlock, has_stack, ArenaOf(block.address)});
      } else {
        chunks.push_back(ChunkOf(block, has_stack, Contains(heaps, block.address)));
      }
    }
    ClaimList background =
        Overlay(FindThreadStacks(pass_.mappings, input_.threads, input_.process.pid, pass_.time),
                Overlay(heaps, Disjoint(std::move(library_data))));
    ClaimList all = Overlay(Disjoint(std::move(pymalloc_blocks)), arenas_);
    all = Overlay(all, Disjoint(std::move(chunks)));
    program_ = Disjoint(std::move(program_));
    all = Overlay(all, program_);
    all = Overlay(Disjoint(std::move(memwhy)), all);
    return Overlay(all, background);
  }

  std::uint32_t ArenaOf(std::uint64_t address) const {
    const auto it =
        std::upper_bound(arenas_.begin(), arenas_.end(), address,
                         [](std::uint64_t value, const Claim& claim) { return value < claim.end; });
    return it->of;
  }

  // Owned by its name, or where the program was seen to map it.
  void BookShared(const Mapping& mapping) {
    Bytes owned = StartsWith(mapping.name, "/") && !StartsWith(mapping.name, "/dev/zero")
                      ? mapping.rss
                      : Bytes{0};
    if (owned == 0) {
      for (const Claim& claim : program_) {
        if (!claim.is_owned || claim.end <= mapping.begin) continue;
        if (claim.begin >= mapping.end) break;
        owned += std::min(claim.end, mapping.end) - std::max(claim.begin, mapping.begin);
      }
    }
    shared_.bytes += mapping.rss;
    shared_.owned += std::min(owned, mapping.rss);
  }

  Residency ResidencyOfAnonymous() const {
    if (pass_.residency_known) return Residency(pass_.resident);
    std::vector<Range> whole;
    for (const Mapping& mapping : pass_.mappings) {
      if (KindOf(mapping) == MappingKind::kAnonymous && mapping.rss > 0) {
        whole.push_back({mapping.begin, mapping.end});
      }
    }
    return Residency(whole);
  }

  struct Part {
    ClaimKind kind;
    bool is_owned;
    std::uint32_t of;
    Bytes bytes;
  };

  void BookAnonymous(const Mapping& mapping, ClaimList::const_iterator claim,
                     ClaimList::const_iterator last, const Residency& residency) {
    parts_.clear();
    Bytes claimed = 0;
    Bytes sum = 0;
    std::array<Bytes, kClaimKinds> by_kind{};
    for (; claim != last && claim->begin < mapping.end; ++claim) {
      const Bytes bytes = residency.BytesIn(std::max(claim->begin, mapping.begin),
                                            std::min(claim->end, mapping.end));
      if (bytes == 0) continue;
      parts_.push_back({claim->kind, claim->is_owned, claim->of, bytes});
      by_kind[static_cast<std::size_t>(claim->kind)] += bytes;
      claimed += bytes;
    }
    sum = residency.BytesIn(mapping.begin, mapping.end);
    const Bytes rest = sum > claimed ? sum - claimed : 0;
    by_kind[static_cast<std::size_t>(ClaimKind::kAnonymous)] = rest;
    if (rest > 0) parts_.push_back({ClaimKind::kAnonymous, false, 0, rest});
    // smaps and pagemap are read one after the other: what exceeds the mapping's resident bytes is
    // cut from the outermost claims.
    std::array<Bytes, kClaimKinds> to_cut{};
    Bytes excess = sum > mapping.rss ? sum - mapping.rss : 0;
    for (std::size_t kind = kClaimKinds; kind-- > 0 && excess > 0;) {
      to_cut[kind] = std::min(excess, by_kind[kind]);
      excess -= to_cut[kind];
    }
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
      Bytes& cut = to_cut[static_cast<std::size_t>(part->kind)];
      const Bytes taken = std::min(cut, part->bytes);
      cut -= taken;
      BookPart(*part, part->bytes - taken);
    }
  }

  void BookPart(const Part& part, Bytes bytes) {
    if (part.kind == ClaimKind::kPymallocArena || part.kind == ClaimKind::kPymallocBlock) {
      in_arena_[part.of].Add(bytes, part.is_owned);
    } else {
      by_kind_[static_cast<std::size_t>(part.kind)].Add(bytes, part.is_owned);
    }
  }

  Booked Of(ClaimKind kind) const { return by_kind_[static_cast<std::size_t>(kind)]; }

  Ledger Close() {
    Booked in_use;
    Booked free_in_arenas;
    Booked unread;
    std::uint64_t unreadable_pools = 0;
    for (std::size_t i = 0; i < arena_uses_.size(); ++i) {
      const Booked& arena = in_arena_[i];
      const ArenaUse* use = arena_uses_[i];
      if (use == nullptr) {
        unread.Add(arena.bytes, true);
        continue;
      }
      unreadable_pools += use->pools_unreadable;
      const Bytes used = std::min(use->blocks_in_use, arena.bytes);
      in_use.bytes += used;
      in_use.owned += std::min(arena.owned, used);
      free_in_arenas.Add(arena.bytes - used, true);
    }
    Booked library_data = library_data_;
    library_data.bytes += Of(ClaimKind::kLibraryData).bytes;
    library_data.owned += Of(ClaimKind::kLibraryData).owned;
    Booked memwhy = memwhy_;
    memwhy.bytes += Of(ClaimKind::kMemwhy).bytes;
    memwhy.owned += Of(ClaimKind::kMemwhy).owned;
    Booked heap = Of(ClaimKind::kMallocHeap);
    ShareKind heap_kind = ShareKind::kMallocRetained;
    ShareKind anonymous_kind = ShareKind::kAnonymousUnseen;
    if (input_.known == BlocksKnown::kSinceAttach) {
      heap_kind = ShareKind::kMallocRetainedOrOlder;
    } else if (input_.known == BlocksKnown::kNone) {
      heap_kind = ShareKind::kMallocUnread;
      anonymous_kind = ShareKind::kAnonymousUnread;
    }
    if (input_.known != BlocksKnown::kAll) heap.owned = 0;

    ShareList shares;
    shares.Add(ShareKind::kPymallocInUse, in_use);
    shares.Add(ShareKind::kPymallocFree, free_in_arenas);
    shares.Add(ShareKind::kPymallocUnread, unread);
    shares.Add(ShareKind::kMallocInUse, Of(ClaimKind::kMallocChunk));
    shares.Add(ShareKind::kMallocMapped, Of(ClaimKind::kMallocMapped));
    shares.Add(heap_kind, heap);
    shares.Add(ShareKind::kProgramMapping, Of(ClaimKind::kProgramMapping));
    shares.Add(ShareKind::kThreadStacks, Of(ClaimKind::kThreadStack));
    shares.Add(ShareKind::kFiles, files_);
    shares.Add(ShareKind::kLibraryData, library_data);
    shares.Add(ShareKind::kSharedMemory, shared_);
    shares.Add(ShareKind::kMemwhy, memwhy);
    shares.Add(anonymous_kind, Of(ClaimKind::kAnonymous));

    Ledger ledger;
    ledger.account = "rss";
    ledger.at = pass_.at;
    ledger.time = pass_.time;
    ledger.total = total_;
    if (!pass_.residency_known) {
      ledger.note =
          "Resident pages could not be read (pagemap): blocks are booked as if resident, "
          "up to each mapping's resident bytes.";
    } else if (unreadable_pools > 0) {
      ledger.note = std::to_string(unreadable_pools) +
                    " pymalloc pools changed while they were read and count as free.";
    }
    return std::move(shares).Close(std::move(ledger));
  }

  const RssInput& input_;
  const MapsPass& pass_;
  ClaimList arenas_;
  ClaimList program_;                        // mappings seen by a hook
  std::vector<const ArenaUse*> arena_uses_;  // by arena; nullptr: not in the table that was read
  std::vector<Booked> in_arena_;
  std::vector<Part> parts_;
  std::array<Booked, kClaimKinds> by_kind_{};
  Booked files_;
  Booked library_data_;
  Booked shared_;
  Booked memwhy_;
  Bytes total_ = 0;
};

}  // namespace

Ledger BuildRssLedger(const RssInput& input) { return RssBooking(input).Build(); }

}  // namespace memwhy::model
