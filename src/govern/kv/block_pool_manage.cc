// SPDX-License-Identifier: Apache-2.0
//
// A pool's beginning, its tenants, its size and its state.
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "govern/kv/block_pool.h"

namespace memwhy::govern {

std::uint64_t BlockGeometry::block_bytes() const {
  std::uint64_t bytes = keys_and_values ? 2 : 1;
  for (const std::uint64_t factor : {tokens, layers, kv_heads, head_size, element_bytes}) {
    if (__builtin_mul_overflow(bytes, factor, &bytes)) return 0;
  }
  return bytes;
}

Status BlockPool::Create(const PoolOptions& options, std::unique_ptr<BlockPool>* pool) {
  if (options.blocks == 0 || options.blocks > kMaxBlocks) return Status::kBadArgument;
  if (options.max_blocks != 0 && options.max_blocks < options.blocks) return Status::kBadArgument;
  if (options.max_blocks > kMaxBlocks) return Status::kBadArgument;
  try {
    std::unique_ptr<BlockPool> made(new BlockPool(options));
    if (const Status status = made->Start(options); status != Status::kOk) return status;
    *pool = std::move(made);
  } catch (const std::bad_alloc&) {
    return Status::kOutOfMemory;
  }
  return Status::kOk;
}

BlockPool::BlockPool(const PoolOptions& options)
    : blocks_(options.blocks),
      links_(options.blocks),
      cached_(1),
      tenants_(options.blocks),
      max_blocks_(options.max_blocks),
      target_(options.blocks),
      debts_(1),
      salt_(options.salt),
      clock_(options.clock != nullptr ? options.clock : &real_clock_),
      events_(options.events) {}

Status BlockPool::Start(const PoolOptions& options) {
  if (max_blocks_ == 0) max_blocks_ = options.slab == SlabKind::kNone ? kMaxBlocks : options.blocks;
  const Status status = slab_.Open(options.slab, options.external_base, options.blocks, max_blocks_,
                                   options.block_bytes);
  if (status != Status::kOk) return status;
  if (salt_ == Hash128{} && getrandom(&salt_, sizeof(salt_), 0) != sizeof(salt_)) {
    return Status::kOutOfMemory;
  }
  // The lowest numbers first.
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    free_.PushBack(links_, static_cast<BlockId>(i));
  }
  index_.Rebuild(blocks_, blocks_.size());
  return Status::kOk;
}

Status BlockPool::AddTenant(const TenantLimits& limits, TenantId* id) {
  const Turn turn(this);
  try {
    cached_.reserve(tenants_.size() + 1);
    debts_.reserve(tenants_.size() + 1);
    if (const Status status = tenants_.Add(limits, id); status != Status::kOk) return status;
    cached_.emplace_back();
    debts_.push_back(0);
  } catch (const std::bad_alloc&) {
    return Status::kOutOfMemory;
  }
  NoteDebts();
  return Status::kOk;
}

Status BlockPool::ChangeTenant(TenantId id, const TenantLimits& limits) {
  const Turn turn(this);
  const Status status = tenants_.Change(id, limits);
  if (status == Status::kOk) NoteDebts();
  return status;
}

Status BlockPool::FindTenant(std::string_view name, TenantId* id) const {
  const std::lock_guard lock(mutex_);
  return tenants_.Find(name, id);
}

Status BlockPool::Reserve(TenantId tenant, std::uint64_t blocks, ReservationId* id) {
  const Turn turn(this);
  if (blocks == 0) return Status::kBadArgument;
  if (const Status status = tenants_.CanTake(tenant, blocks); status != Status::kOk) {
    return Refuse(tenant, status, blocks);
  }
  const MarkLevel before = tenants_.Account(tenant).level;
  try {
    reservations_[last_reservation_ + 1] = {tenant, blocks};
  } catch (const std::bad_alloc&) {
    return Status::kOutOfMemory;
  }
  *id = ++last_reservation_;
  tenants_.Reserve(tenant, blocks);
  NoteMark(tenant, before);
  return Status::kOk;
}

Status BlockPool::Cancel(ReservationId id) {
  const Turn turn(this);
  const auto found = reservations_.find(id);
  if (found == reservations_.end()) return Status::kUnknownReservation;
  const TenantId tenant = found->second.tenant;
  const MarkLevel before = tenants_.Account(tenant).level;
  tenants_.Unreserve(tenant, found->second.blocks);
  reservations_.erase(found);
  NoteMark(tenant, before);
  return Status::kOk;
}

Status BlockPool::BeginRequest(TenantId tenant) {
  const Turn turn(this);
  const Status status = tenants_.BeginRequest(tenant);
  if (status != Status::kOk) ++totals_.refused_total;
  return status;
}

Status BlockPool::EndRequest(TenantId tenant) {
  const Turn turn(this);
  return tenants_.EndRequest(tenant);
}

Status BlockPool::Resize(std::uint64_t blocks) {
  const Turn turn(this);
  if (blocks == 0) return Status::kBadArgument;
  if (blocks > max_blocks_) return Status::kResizeBeyondSlab;
  const std::uint64_t before = target_;
  if (blocks > blocks_.size()) {
    try {
      std::vector<Block> grown(blocks);
      std::copy(blocks_.begin(), blocks_.end(), grown.begin());
      PrefixIndex index;
      index.Rebuild(grown, blocks);
      std::vector<BlockLinks> links(blocks);
      std::copy(links_.begin(), links_.end(), links.begin());
      if (const Status status = slab_.Grow(before, blocks); status != Status::kOk) return status;
      for (std::size_t i = blocks_.size(); i < blocks; ++i) grown[i].state = BlockState::kRetired;
      blocks_ = std::move(grown);
      links_ = std::move(links);
      index_ = std::move(index);
    } catch (const std::bad_alloc&) {
      return Status::kOutOfMemory;
    }
  } else if (const Status status = slab_.Grow(before, blocks); status != Status::kOk) {
    return status;
  }
  if (const Status status = tenants_.SetCapacity(blocks); status != Status::kOk) return status;
  target_ = blocks;
  for (std::uint64_t i = before; i < blocks; ++i) {
    const auto id = static_cast<BlockId>(i);
    if (At(id).state != BlockState::kRetired) continue;
    At(id).state = BlockState::kFree;
    free_.PushBack(links_, id);
  }
  std::uint64_t run = blocks;  // begin of the blocks that retire together
  for (std::uint64_t i = blocks; i < before; ++i) {
    const auto id = static_cast<BlockId>(i);
    if (At(id).state == BlockState::kHeld) {
      slab_.Discard(run, i);
      run = i + 1;
      continue;
    }
    if (At(id).state == BlockState::kCached) Uncache(id);
    if (At(id).state == BlockState::kFree) free_.Remove(links_, id);
    At(id).state = BlockState::kRetired;
  }
  slab_.Discard(run, before);
  Note(PoolEventKind::kResized, kDefaultTenant, kNoBlock, blocks);
  NoteDebts();
  return Status::kOk;
}

Status BlockPool::Address(BlockId id, void** address) const {
  const std::lock_guard lock(mutex_);
  if (!Exists(id)) return Status::kForeignBlock;
  if (slab_.kind() == SlabKind::kNone) return Status::kNoSlab;
  if (At(id).references == 0) return Status::kBlockIsFree;
  *address = slab_.Address(static_cast<std::uint64_t>(id));
  return Status::kOk;
}

Status BlockPool::References(BlockId id, std::uint32_t* references) const {
  const std::lock_guard lock(mutex_);
  if (!Exists(id)) return Status::kForeignBlock;
  *references = At(id).references;
  return Status::kOk;
}

PoolStats BlockPool::Stats() const {
  const std::lock_guard lock(mutex_);
  return StatsLocked();
}

PoolStats BlockPool::StatsLocked() const {
  PoolStats stats = totals_;
  stats.capacity = tenants_.capacity();
  stats.block_bytes = slab_.block_bytes();
  stats.free = free_.size();
  stats.indexed = index_.size();
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    const TenantAccount& account = tenants_.Account(static_cast<TenantId>(i));
    stats.cached += account.cached;
    stats.held += account.held;
    stats.reserved += account.reserved;
  }
  // Blocks below the size are free, cached or held; what else is held lies beyond it.
  stats.retiring = stats.free + stats.cached + stats.held - stats.capacity;
  stats.lost_events = events_.lost();
  return stats;
}

std::vector<TenantAccount> BlockPool::Tenants() const {
  const std::lock_guard lock(mutex_);
  std::vector<TenantAccount> accounts;
  accounts.reserve(tenants_.size());
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    accounts.push_back(tenants_.Account(static_cast<TenantId>(i)));
  }
  return accounts;
}

PoolState BlockPool::State() const {
  PoolState state;
  state.pid = static_cast<std::uint32_t>(getpid());
  const std::lock_guard lock(mutex_);
  state.wall_ns = clock_->WallNs();
  state.stats = StatsLocked();
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    state.tenants.push_back(tenants_.Account(static_cast<TenantId>(i)));
  }
  return state;
}

Status BlockPool::Publish(std::string_view path) {
  const Turn turn(this);
  std::unique_ptr<PoolPage> page;
  if (const Status status = PoolPage::Make(std::string(path), &page); status != Status::kOk) {
    return status;
  }
  page_ = std::move(page);
  return Status::kOk;
}

void BlockPool::PublishLocked() {
  page_->Begin(clock_->WallNs(), StatsLocked(), tenants_.size());
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    page_->Add(tenants_.Account(static_cast<TenantId>(i)));
  }
  page_->End();
}

std::size_t BlockPool::TakeEvents(std::span<PoolEvent> out) {
  const std::lock_guard lock(mutex_);
  return events_.Take(out);
}

Status BlockPool::Verify(const char** what) const {
  const std::lock_guard lock(mutex_);
  const char* broken = BrokenInvariant();
  if (what != nullptr) *what = broken == nullptr ? "" : broken;
  return broken == nullptr ? Status::kOk : Status::kCorrupt;
}

const char* BlockPool::BrokenInvariant() const {
  std::uint64_t free = 0;
  std::uint64_t with_hash = 0;
  std::vector<std::uint64_t> held(tenants_.size());
  std::vector<std::uint64_t> cached(tenants_.size());
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    if (!tenants_.Has(block.tenant)) return "a block of an unknown tenant";
    if ((block.references != 0) != (block.state == BlockState::kHeld)) {
      return "references and state of a block";
    }
    if (i >= target_ && block.state != BlockState::kHeld && block.state != BlockState::kRetired) {
      return "a block beyond the size is in use";
    }
    if (i < target_ && block.state == BlockState::kRetired) return "a retired block in the pool";
    if (block.has_hash) {
      ++with_hash;
      if (block.state == BlockState::kFree || block.state == BlockState::kRetired) {
        return "a free block has a hash";
      }
      if (index_.Find(blocks_, block.hash, block.tenant) != static_cast<BlockId>(i)) {
        return "a hash does not find its block";
      }
    } else if (block.state == BlockState::kCached) {
      return "a cached block has no hash";
    }
    free += block.state == BlockState::kFree ? 1 : 0;
    held[block.tenant] += block.state == BlockState::kHeld ? 1 : 0;
    cached[block.tenant] += block.state == BlockState::kCached ? 1 : 0;
  }
  if (free != free_.size()) return "the number of free blocks";
  if (with_hash != index_.size()) return "the number of hashes";
  // Walks a list, at most as far as it is long: false if it is broken.
  const auto whole = [this](const BlockList& list, BlockState state, TenantId tenant,
                            int priority) {
    std::uint64_t steps = 0;
    BlockId previous = kNoBlock;
    std::uint64_t released = 0;
    for (BlockId id = list.front(); id != kNoBlock; id = Next(id)) {
      const Block& block = At(id);
      if (++steps > list.size() || links_[static_cast<std::size_t>(id)].previous != previous ||
          block.state != state)
        return false;
      if (state == BlockState::kCached) {
        if (block.tenant != tenant || block.priority != priority) return false;
        if (block.released <= released) return false;
        released = block.released;
      }
      previous = id;
    }
    return steps == list.size();
  };
  if (!whole(free_, BlockState::kFree, kDefaultTenant, 0)) return "the list of free blocks";
  std::vector<std::uint64_t> reserved(tenants_.size());
  for (const auto& [id, reservation] : reservations_) {
    reserved[reservation.tenant] += reservation.blocks;
  }
  for (std::size_t i = 0; i < tenants_.size(); ++i) {
    const auto tenant = static_cast<TenantId>(i);
    const TenantAccount& account = tenants_.Account(tenant);
    if (account.held != held[i]) return "what a tenant holds";
    if (account.cached != cached[i]) return "what a tenant has cached";
    if (account.reserved != reserved[i]) return "what a tenant has reserved";
    for (int priority = 0; priority < kPriorities; ++priority) {
      if (!whole(cached_[i][static_cast<std::size_t>(priority)], BlockState::kCached, tenant,
                 priority)) {
        return "a list of cached blocks";
      }
    }
  }
  if (tenants_.capacity() != target_) return "the size of the pool";
  return tenants_.Verify();
}

}  // namespace memwhy::govern
