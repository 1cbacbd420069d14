// SPDX-License-Identifier: Apache-2.0
//
// Who holds a block, and who gets one.
#include "govern/kv/block_pool.h"

#include <algorithm>

namespace memwhy::govern {

std::uint32_t BlockPool::NextCall() {
  if (++call_ == 0) {
    for (Block& block : blocks_) block.call = 0;
    call_ = 1;
  }
  return call_;
}

Status BlockPool::CheckNamed(BlockId id, std::uint32_t call) {
  if (!Exists(id)) return Status::kForeignBlock;
  Block& block = At(id);
  if (block.call == call) return Status::kBlockGivenTwice;
  block.call = call;
  return Status::kOk;
}

Status BlockPool::Refuse(TenantId tenant, Status status, std::uint64_t blocks) {
  ++totals_.refused_total;
  if (tenants_.Has(tenant)) tenants_.CountRefusal(tenant, status, blocks);
  if (status == Status::kLentOut) NoteDebts();
  return status;
}

Status BlockPool::Alloc(TenantId tenant, std::span<BlockId> out, ReservationId reservation) {
  const Turn turn(this);
  return AllocLocked(tenant, out, reservation);
}

Status BlockPool::AllocLocked(TenantId tenant, std::span<BlockId> out, ReservationId reservation) {
  if (!tenants_.Has(tenant)) return Status::kUnknownTenant;
  const std::uint64_t count = out.size();
  auto promised = reservations_.end();
  if (reservation != kNoReservation) {
    promised = reservations_.find(reservation);
    if (promised == reservations_.end()) return Status::kUnknownReservation;
    if (promised->second.tenant != tenant) return Status::kOtherTenant;
    if (promised->second.blocks < count) return Status::kReservationExceeded;
  } else if (const Status status = tenants_.CanTake(tenant, count); status != Status::kOk) {
    return Refuse(tenant, status, count);
  }
  std::size_t filled = 0;
  if (free_.size() < count && free_.size() + EvictableFor(tenant) < count) {
    return Refuse(tenant, Status::kLentOut, count);
  }
  const MarkLevel before = tenants_.Account(tenant).level;
  while (filled < count && free_.front() != kNoBlock) {
    const BlockId id = free_.front();
    free_.Remove(links_, id);
    Hand(tenant, id);
    out[filled++] = id;
  }
  while (filled < count) {
    const std::size_t had = filled;
    if (!EvictUntil(tenant, out, had)) return Status::kCorrupt;
    while (filled < count && out[filled] != kNoBlock) ++filled;
  }
  if (promised != reservations_.end()) {
    tenants_.UseReserved(tenant, count);
    promised->second.blocks -= count;
    if (promised->second.blocks == 0) reservations_.erase(promised);
  } else {
    tenants_.Take(tenant, count);
  }
  totals_.allocated_total += count;
  NoteMark(tenant, before);
  return Status::kOk;
}

Status BlockPool::CanAlloc(TenantId tenant, std::uint64_t blocks) const {
  const std::lock_guard lock(mutex_);
  return tenants_.CanTake(tenant, blocks);
}

void BlockPool::Hand(TenantId tenant, BlockId id) {
  Block& block = At(id);
  block.state = BlockState::kHeld;
  block.references = 1;
  block.tenant = tenant;
  block.priority = 0;
}

std::uint64_t BlockPool::EvictableFor(TenantId tenant) const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    const auto owner = static_cast<TenantId>(i);
    sum += owner == tenant ? tenants_.Account(owner).cached : tenants_.Evictable(owner);
  }
  return sum;
}

// Evicts into out[filled...] from the tenant that has the block to go first, for as long as that
// tenant's blocks go before those of any other; out[] after the last is kNoBlock. False if there is
// nothing to evict.
bool BlockPool::EvictUntil(TenantId tenant, std::span<BlockId> out, std::size_t filled) {
  struct Rank {
    int priority = kPriorities;
    std::uint64_t released = UINT64_MAX;
    bool operator<(const Rank& other) const {
      return priority != other.priority ? priority < other.priority : released < other.released;
    }
  };
  const auto first_of = [this](TenantId owner) {
    for (int priority = 0; priority < kPriorities; ++priority) {
      const BlockId front = cached_[owner][static_cast<std::size_t>(priority)].front();
      if (front != kNoBlock) return Rank{priority, At(front).released};
    }
    return Rank{};
  };
  Rank best;
  Rank second;
  TenantId victim = kDefaultTenant;
  std::uint64_t allowed = 0;
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    const auto owner = static_cast<TenantId>(i);
    const std::uint64_t evictable =
        owner == tenant ? tenants_.Account(owner).cached : tenants_.Evictable(owner);
    if (evictable == 0) continue;
    const Rank rank = first_of(owner);
    if (rank < best) {
      second = best;
      best = rank;
      victim = owner;
      allowed = evictable;
    } else if (rank < second) {
      second = rank;
    }
  }
  if (allowed == 0) return false;
  // Blocks that go soon are fetched ahead: first the block, then, by its hash, its place in the
  // index.
  constexpr int kBlockAhead = 12;
  constexpr int kIndexAhead = 6;
  BlockId block_scout = cached_[victim][static_cast<std::size_t>(best.priority)].front();
  BlockId index_scout = block_scout;
  for (int i = 0; i < kBlockAhead && block_scout != kNoBlock; ++i) {
    __builtin_prefetch(&At(block_scout));
    block_scout = Next(block_scout);
  }
  for (int ahead = 0; allowed > 0 && filled < out.size(); --allowed) {
    if (second < best) break;
    const BlockId id = cached_[victim][static_cast<std::size_t>(best.priority)].front();
    for (; ahead < kIndexAhead && index_scout != kNoBlock; ++ahead) {
      index_.Prefetch(At(index_scout).hash, victim);
      index_scout = Next(index_scout);
    }
    --ahead;
    if (block_scout != kNoBlock) {
      __builtin_prefetch(&At(block_scout));
      block_scout = Next(block_scout);
    }
    Uncache(id);
    ++totals_.evicted_total;
    tenants_.CountEviction(victim);
    Hand(tenant, id);
    out[filled++] = id;
    best = first_of(victim);
  }
  if (filled < out.size()) out[filled] = kNoBlock;
  return true;
}

// From cached to no list, without a hash.
void BlockPool::Uncache(BlockId id) {
  const Block& block = At(id);
  cached_[block.tenant][block.priority].Remove(links_, id);
  tenants_.DropCached(block.tenant);
  ForgetHash(id);
}

void BlockPool::ForgetHash(BlockId id) {
  Block& block = At(id);
  if (!block.has_hash) return;
  index_.Remove(blocks_, id);
  block.has_hash = false;
  Note(PoolEventKind::kUncached, block.tenant, id, 0);
}

Status BlockPool::Free(std::span<const BlockId> ids) {
  const Turn turn(this);
  const std::uint32_t call = NextCall();
  for (const BlockId id : ids) {
    if (const Status status = CheckNamed(id, call); status != Status::kOk) return status;
    if (At(id).references == 0) return Status::kBlockIsFree;
  }
  // From the end, so that the tail of a request is the longest unused.
  for (std::size_t i = ids.size(); i > 0; --i) Release(ids[i - 1]);
  // The tenants' accounts, one step for each run of blocks of one tenant.
  std::size_t begin = 0;
  while (begin < ids.size()) {
    const TenantId tenant = At(ids[begin]).tenant;
    std::uint64_t gone = 0;
    std::size_t end = begin;
    for (; end < ids.size() && At(ids[end]).tenant == tenant; ++end) {
      gone += At(ids[end]).references == 0 ? 1 : 0;
    }
    if (gone != 0) {
      const MarkLevel before = tenants_.Account(tenant).level;
      tenants_.Give(tenant, gone);
      NoteMark(tenant, before);
      totals_.released_total += gone;
    }
    begin = end;
  }
  return Status::kOk;
}

void BlockPool::Release(BlockId id) {
  Block& block = At(id);
  if (--block.references != 0) return;
  if (static_cast<std::uint64_t>(id) >= target_) {
    ForgetHash(id);
    block.state = BlockState::kRetired;
    slab_.Discard(static_cast<std::uint64_t>(id), static_cast<std::uint64_t>(id) + 1);
    return;
  }
  block.released = ++released_;
  if (block.has_hash) {
    block.state = BlockState::kCached;
    cached_[block.tenant][block.priority].PushBack(links_, id);
    tenants_.AddCached(block.tenant);
  } else {
    block.state = BlockState::kFree;
    free_.PushFront(links_, id);
  }
}

Status BlockPool::Touch(std::span<const BlockId> ids) {
  const Turn turn(this);
  const std::uint32_t call = NextCall();
  for (const BlockId id : ids) {
    if (const Status status = CheckNamed(id, call); status != Status::kOk) return status;
  }
  return HoldLocked(ids);
}

// The blocks exist and are named once.
Status BlockPool::HoldLocked(std::span<const BlockId> ids) {
  if (ids.empty()) return Status::kOk;
  const TenantId tenant = At(ids.front()).tenant;
  std::uint64_t cached = 0;
  for (const BlockId id : ids) {
    const Block& block = At(id);
    if (block.state != BlockState::kHeld && block.state != BlockState::kCached) {
      return Status::kBlockIsFree;
    }
    if (block.tenant != tenant) return Status::kOtherTenant;
    if (block.references == UINT32_MAX) return Status::kTooManyHolders;
    cached += block.state == BlockState::kCached ? 1 : 0;
  }
  if (cached != 0) {
    if (const Status status = tenants_.CanTake(tenant, cached); status != Status::kOk) {
      return Refuse(tenant, status, cached);
    }
  }
  const MarkLevel before = tenants_.Account(tenant).level;
  for (const BlockId id : ids) {
    Block& block = At(id);
    if (block.state == BlockState::kCached) {
      cached_[tenant][block.priority].Remove(links_, id);
      tenants_.DropCached(tenant);
      block.state = BlockState::kHeld;
    }
    ++block.references;
  }
  if (cached != 0) {
    tenants_.Take(tenant, cached);
    NoteMark(tenant, before);
  }
  return Status::kOk;
}

Status BlockPool::Fork(std::span<const BlockId> ids) {
  const Turn turn(this);
  const std::uint32_t call = NextCall();
  for (const BlockId id : ids) {
    if (const Status status = CheckNamed(id, call); status != Status::kOk) return status;
    if (At(id).references == 0) return Status::kBlockIsFree;
    if (At(id).references == UINT32_MAX) return Status::kTooManyHolders;
  }
  for (const BlockId id : ids) ++At(id).references;
  return Status::kOk;
}

Status BlockPool::Write(BlockId id, BlockId* writable) {
  const Turn turn(this);
  if (!Exists(id)) return Status::kForeignBlock;
  if (At(id).references == 0) return Status::kBlockIsFree;
  if (At(id).references == 1) {
    ForgetHash(id);
    *writable = id;
    return Status::kOk;
  }
  copies_.reserve(copies_.size() + 1);
  BlockId copy = kNoBlock;
  const Status status = AllocLocked(At(id).tenant, {&copy, 1}, kNoReservation);
  if (status != Status::kOk) return status;
  --At(id).references;
  At(copy).priority = At(id).priority;
  copies_.push_back({id, copy});
  ++totals_.copied_total;
  *writable = copy;
  return Status::kOk;
}

std::size_t BlockPool::TakeCopies(std::span<BlockCopy> out) {
  const Turn turn(this);
  const std::size_t count = std::min(out.size(), copies_.size());
  std::copy_n(copies_.begin(), count, out.begin());
  copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

void BlockPool::Note(PoolEventKind kind, TenantId tenant, BlockId block, std::uint64_t value) {
  if (!events_.wanted()) return;
  PoolEvent event;
  event.kind = kind;
  event.tenant = tenant;
  event.block = block;
  if (block != kNoBlock) event.hash = At(block).hash;
  event.value = value;
  event.time_ns = clock_->MonotonicNs();
  events_.Add(event);
}

void BlockPool::NoteMark(TenantId tenant, MarkLevel before) {
  const MarkLevel now = tenants_.Account(tenant).level;
  if (now == before) return;
  Note(PoolEventKind::kMark, tenant, kNoBlock, static_cast<std::uint64_t>(now));
}

void BlockPool::NoteDebts() {
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    const std::uint64_t owed = tenants_.Account(static_cast<TenantId>(i)).owed;
    if (owed > debts_[i]) {
      Note(PoolEventKind::kGiveBack, static_cast<TenantId>(i), kNoBlock, owed);
    }
    debts_[i] = owed;
  }
}

}  // namespace memwhy::govern
