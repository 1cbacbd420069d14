// SPDX-License-Identifier: Apache-2.0
//
// Blocks that are found by the prefix which they hold.
#include <algorithm>

#include "govern/kv/block_pool.h"

namespace memwhy::govern {

Status BlockPool::Cache(std::span<const BlockId> ids, std::span<const Hash128> hashes,
                        TenantId tenant, std::size_t* added) {
  *added = 0;
  if (ids.size() != hashes.size()) return Status::kBadArgument;
  const Turn turn(this);
  if (!tenants_.Has(tenant)) return Status::kUnknownTenant;
  const std::uint32_t call = NextCall();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (const Status status = CheckNamed(ids[i], call); status != Status::kOk) return status;
    const Block& block = At(ids[i]);
    if (block.references == 0) return Status::kBlockIsFree;
    if (block.tenant != tenant) return Status::kOtherTenant;
    if (block.has_hash && !(block.hash == hashes[i])) return Status::kCachedOtherwise;
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Block& block = At(ids[i]);
    if (block.has_hash || index_.Find(blocks_, hashes[i], tenant) != kNoBlock) continue;
    block.hash = hashes[i];
    block.has_hash = true;
    index_.Insert(blocks_, ids[i]);
    ++*added;
    Note(PoolEventKind::kCached, tenant, ids[i], 0);
  }
  return Status::kOk;
}

Status BlockPool::MatchPrefix(std::span<const Hash128> hashes, TenantId tenant,
                              std::span<BlockId> out, std::size_t* found, bool hold) {
  *found = 0;
  if (out.size() < hashes.size()) return Status::kBadArgument;
  const Turn turn(this);
  if (!tenants_.Has(tenant)) return Status::kUnknownTenant;
  constexpr std::size_t kAhead = 4;
  const std::uint32_t call = NextCall();
  std::size_t count = 0;
  for (; count < hashes.size(); ++count) {
    if (count + kAhead < hashes.size()) index_.Prefetch(hashes[count + kAhead], tenant);
    const BlockId id = index_.Find(blocks_, hashes[count], tenant);
    if (id == kNoBlock) break;
    // A hash that comes twice would give one block twice: a chained hash never does.
    if (CheckNamed(id, call) != Status::kOk) break;
    out[count] = id;
  }
  if (hold) {
    if (const Status status = HoldLocked(out.first(count)); status != Status::kOk) return status;
  }
  totals_.queried_total += hashes.size();
  totals_.found_total += count;
  *found = count;
  return Status::kOk;
}

Hash128 BlockPool::HashTokens(TenantId tenant, const Hash128& previous,
                              std::span<const std::uint32_t> tokens) const {
  // The chain is in the key: its last block and the tenant's salt. `salt_` never changes.
  const Hash128 key = {salt_.low ^ previous.low,
                       salt_.high ^ previous.high ^ (tenant * std::uint64_t{0x9e3779b97f4a7c15})};
  return SipHash128(key, tokens.data(), tokens.size_bytes());
}

Status BlockPool::SetPriority(std::span<const BlockId> ids, int priority) {
  if (priority < 0 || priority >= kPriorities) return Status::kBadArgument;
  const Turn turn(this);
  const std::uint32_t call = NextCall();
  for (const BlockId id : ids) {
    if (const Status status = CheckNamed(id, call); status != Status::kOk) return status;
    const BlockState state = At(id).state;
    if (state != BlockState::kHeld && state != BlockState::kCached) return Status::kBlockIsFree;
  }
  const auto wanted = static_cast<std::uint8_t>(priority);
  // From the end and to the back, as if they were released together now.
  for (std::size_t i = ids.size(); i > 0; --i) {
    Block& block = At(ids[i - 1]);
    if (block.state == BlockState::kCached) {
      cached_[block.tenant][block.priority].Remove(links_, ids[i - 1]);
      cached_[block.tenant][wanted].PushBack(links_, ids[i - 1]);
      block.released = ++released_;
    }
    block.priority = wanted;
  }
  return Status::kOk;
}

std::size_t BlockPool::ResetPrefixes() {
  const Turn turn(this);
  std::size_t cached = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto id = static_cast<BlockId>(i);
    if (At(id).state == BlockState::kCached) {
      Uncache(id);
      At(id).state = BlockState::kFree;
      free_.PushFront(links_, id);
      ++cached;
    } else {
      ForgetHash(id);
    }
  }
  return cached;
}

}  // namespace memwhy::govern
