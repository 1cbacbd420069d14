// SPDX-License-Identifier: Apache-2.0
//
// Random operations on a pool and on a naive one, which scans all of its blocks for everything:
// the same answers, the same blocks, the same sums. MEMWHY_GOVERN_OPERATIONS sets how many
// operations in all (default: 100,000), over five seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>

#include "govern/kv/block_pool.h"

namespace memwhy::govern {
namespace {

using Ids = std::vector<BlockId>;

constexpr std::size_t kStart = 24;
constexpr std::size_t kLargest = 40;

struct NaiveBlock {
  std::uint32_t references = 0;
  TenantId tenant = 0;
  int priority = 0;
  std::uint64_t released = 0;
  std::optional<std::uint64_t> hash;
};

// The rules as they are written in the headers, by scans.
class NaivePool {
 public:
  explicit NaivePool(std::vector<TenantLimits> tenants)
      : tenants_(std::move(tenants)), owed_(tenants_.size()), claimed_(tenants_.size()) {
    blocks_.resize(kLargest);
    for (std::size_t i = 0; i < kStart; ++i) free_.push_back(static_cast<BlockId>(i));
  }

  std::uint64_t Held(std::size_t tenant) const {
    std::uint64_t count = 0;
    for (const auto& block : blocks_) count += block.references && block.tenant == tenant ? 1 : 0;
    return count;
  }
  std::uint64_t Used(std::size_t tenant) const {
    std::uint64_t count = Held(tenant);
    for (const auto& [id, entry] : reservations_) {
      if (entry.first == tenant) count += entry.second;
    }
    return count;
  }
  std::uint64_t Cached(std::size_t tenant) const {
    std::uint64_t count = 0;
    for (const auto& block : blocks_) count += IsCached(block) && block.tenant == tenant ? 1 : 0;
    return count;
  }
  std::uint64_t Kept(std::size_t tenant) const {
    const std::uint64_t used = Used(tenant);
    const TenantLimits& limits = tenants_[tenant];
    return limits.lends || used >= limits.quota_blocks ? 0 : limits.quota_blocks - used;
  }
  std::uint64_t Borrowed(std::size_t tenant) const {
    const std::uint64_t used = Used(tenant);
    return used > tenants_[tenant].quota_blocks ? used - tenants_[tenant].quota_blocks : 0;
  }

  Status CanTake(TenantId tenant, std::uint64_t count) {
    const TenantLimits& limits = tenants_[tenant];
    const std::uint64_t used = Used(tenant);
    const std::uint64_t room = size_ > limits.quota_blocks ? size_ - limits.quota_blocks : 0;
    if (used + count > limits.quota_blocks + std::min(limits.borrow_blocks, room)) {
      return tenant == 0 ? Status::kPoolExhausted : Status::kQuotaExceeded;
    }
    if (owed_[tenant] && used + count > limits.quota_blocks) return Status::kOwesBlocks;
    std::uint64_t needed = count;
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      needed += Used(i);
      needed += i == tenant ? Kept(i) - std::min(Kept(i), count) : Kept(i);
      if (i != tenant && (used + count > limits.quota_blocks || limits.lends)) {
        needed += claimed_[i];
      }
    }
    if (needed <= size_) return Status::kOk;
    return used + count <= limits.quota_blocks ? Status::kLentOut : Status::kPoolExhausted;
  }
  Status Refuse(TenantId tenant, Status status, std::uint64_t count) {
    if (status == Status::kLentOut && tenants_[tenant].lends) {
      claimed_[tenant] = std::max(claimed_[tenant], count);
      Recall();
    }
    return status;
  }
  void Recall() {
    std::uint64_t promised = 0;
    std::uint64_t asked = 0;
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      promised += Used(i) + Kept(i) + claimed_[i];
      asked += owed_[i];
    }
    while (promised > size_ && asked < promised - size_) {
      std::size_t most = 0;
      std::uint64_t most_left = 0;
      for (std::size_t i = 0; i < tenants_.size(); ++i) {
        if (Borrowed(i) - owed_[i] > most_left) {
          most_left = Borrowed(i) - owed_[i];
          most = i;
        }
      }
      if (most_left == 0) return;
      const std::uint64_t part = std::min(most_left, promised - size_ - asked);
      owed_[most] += part;
      asked += part;
    }
  }
  void Took(TenantId tenant, std::uint64_t count) {
    claimed_[tenant] -= std::min(claimed_[tenant], count);
  }
  void Gave(TenantId tenant, std::uint64_t count) {
    owed_[tenant] -= std::min(owed_[tenant], count);
    claimed_[tenant] = 0;
    owed_[tenant] = std::min(owed_[tenant], Borrowed(tenant));
  }

  Status Alloc(TenantId tenant, Ids* out, ReservationId from = 0) {
    const std::uint64_t count = out->size();
    if (from == 0) {
      const Status status = CanTake(tenant, count);
      if (status != Status::kOk) return Refuse(tenant, status, count);
    } else {
      const auto found = reservations_.find(from);
      if (found == reservations_.end()) return Status::kUnknownReservation;
      if (found->second.first != tenant) return Status::kOtherTenant;
      if (found->second.second < count) return Status::kReservationExceeded;
    }
    std::vector<std::uint64_t> kept;
    for (std::size_t i = 0; i < tenants_.size(); ++i) kept.push_back(Kept(i));
    std::uint64_t there = free_.size();
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      if (i == tenant) {
        there += Cached(i);
      } else if (Cached(i) > kept[i]) {
        there += Cached(i) - kept[i];
      }
    }
    if (there < count) return Refuse(tenant, Status::kLentOut, count);
    for (BlockId& id : *out) {
      if (!free_.empty()) {
        id = free_.front();
        free_.erase(free_.begin());
      } else {
        id = kNoBlock;
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
          const NaiveBlock& block = blocks_[i];
          if (!IsCached(block)) continue;
          if (block.tenant != tenant && Cached(block.tenant) <= kept[block.tenant]) continue;
          if (id != kNoBlock) {
            const NaiveBlock& other = At(id);
            if (std::pair(other.priority, other.released) <
                std::pair(block.priority, block.released)) {
              continue;
            }
          }
          id = static_cast<BlockId>(i);
        }
      }
      At(id) = NaiveBlock{};
      At(id).tenant = tenant;
      taken_.push_back(id);  // references only after all: Kept must not change meanwhile
    }
    for (const BlockId id : taken_) At(id).references = 1;
    taken_.clear();
    if (from == 0) {
      Took(tenant, count);
    } else if ((reservations_[from].second -= count) == 0) {
      reservations_.erase(from);
    }
    return Status::kOk;
  }

  Status Named(const Ids& ids, bool may_be_cached) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!Exists(ids[i])) return Status::kForeignBlock;
      if (std::find(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i), ids[i]) !=
          ids.begin() + static_cast<std::ptrdiff_t>(i)) {
        return Status::kBlockGivenTwice;
      }
      if (!may_be_cached && At(ids[i]).references == 0) return Status::kBlockIsFree;
    }
    return Status::kOk;
  }

  Status Free(const Ids& ids) {
    const Status status = Named(ids, false);
    if (status != Status::kOk) return status;
    for (std::size_t i = ids.size(); i > 0; --i) {
      NaiveBlock& block = At(ids[i - 1]);
      if (--block.references != 0) continue;
      if (static_cast<std::size_t>(ids[i - 1]) >= size_) {
        block.hash.reset();
        continue;
      }
      block.released = ++released_;
      if (!block.hash) free_.insert(free_.begin(), ids[i - 1]);
    }
    std::map<TenantId, std::uint64_t> gone;
    for (const BlockId id : ids) gone[At(id).tenant] += At(id).references == 0 ? 1 : 0;
    for (const auto& [tenant, count] : gone) {
      if (count != 0) Gave(tenant, count);
    }
    return Status::kOk;
  }

  Status Touch(const Ids& ids) {
    const Status status = Named(ids, true);
    return status != Status::kOk ? status : Hold(ids);
  }
  Status Hold(const Ids& ids) {
    if (ids.empty()) return Status::kOk;
    const TenantId tenant = At(ids[0]).tenant;
    std::uint64_t cached = 0;
    for (const BlockId id : ids) {
      if (At(id).references == 0 && !IsCached(At(id))) return Status::kBlockIsFree;
      if (At(id).tenant != tenant) return Status::kOtherTenant;
      cached += IsCached(At(id)) ? 1 : 0;
    }
    if (cached != 0) {
      const Status status = CanTake(tenant, cached);
      if (status != Status::kOk) return Refuse(tenant, status, cached);
      Took(tenant, cached);
    }
    for (const BlockId id : ids) ++At(id).references;
    return Status::kOk;
  }

  BlockId Find(TenantId tenant, std::uint64_t hash) const {
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (blocks_[i].hash == hash && blocks_[i].tenant == tenant) return static_cast<BlockId>(i);
    }
    return kNoBlock;
  }
  Status Cache(const Ids& ids, const std::vector<std::uint64_t>& hashes, TenantId tenant,
               std::size_t* added) {
    *added = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Status status =
          Named(Ids(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i) + 1), true);
      if (status != Status::kOk) return status;
      if (At(ids[i]).references == 0) return Status::kBlockIsFree;
      if (At(ids[i]).tenant != tenant) return Status::kOtherTenant;
      if (At(ids[i]).hash && At(ids[i]).hash != hashes[i]) return Status::kCachedOtherwise;
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (At(ids[i]).hash || Find(tenant, hashes[i]) != kNoBlock) continue;
      At(ids[i]).hash = hashes[i];
      ++*added;
    }
    return Status::kOk;
  }
  Status Match(const std::vector<std::uint64_t>& hashes, TenantId tenant, bool hold, Ids* found) {
    for (const std::uint64_t hash : hashes) {
      const BlockId id = Find(tenant, hash);
      if (id == kNoBlock || std::find(found->begin(), found->end(), id) != found->end()) break;
      found->push_back(id);
    }
    return hold ? Hold(*found) : Status::kOk;
  }
  Status Fork(const Ids& ids) {
    const Status status = Named(ids, false);
    if (status != Status::kOk) return status;
    for (const BlockId id : ids) ++At(id).references;
    return Status::kOk;
  }
  Status Write(BlockId id, BlockId* to) {
    if (!Exists(id)) return Status::kForeignBlock;
    if (At(id).references == 0) return Status::kBlockIsFree;
    if (At(id).references == 1) {
      At(id).hash.reset();
      *to = id;
      return Status::kOk;
    }
    Ids one(1);
    const Status status = Alloc(At(id).tenant, &one);
    if (status != Status::kOk) return status;
    --At(id).references;
    At(one[0]).priority = At(id).priority;
    *to = one[0];
    return Status::kOk;
  }
  Status SetPriority(const Ids& ids, int priority) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const Status status =
          Named(Ids(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(i) + 1), true);
      if (status != Status::kOk) return status;
      if (At(ids[i]).references == 0 && !IsCached(At(ids[i]))) return Status::kBlockIsFree;
    }
    for (std::size_t i = ids.size(); i > 0; --i) {
      NaiveBlock& block = At(ids[i - 1]);
      if (IsCached(block)) block.released = ++released_;
      block.priority = priority;
    }
    return Status::kOk;
  }
  Status Reserve(TenantId tenant, std::uint64_t count, ReservationId* id) {
    if (count == 0) return Status::kBadArgument;
    const Status status = CanTake(tenant, count);
    if (status != Status::kOk) return Refuse(tenant, status, count);
    *id = ++last_reservation_;
    Took(tenant, count);
    reservations_[*id] = {tenant, count};
    return Status::kOk;
  }
  Status Cancel(ReservationId id) {
    const auto found = reservations_.find(id);
    if (found == reservations_.end()) return Status::kUnknownReservation;
    const auto [tenant, count] = found->second;
    reservations_.erase(found);
    Gave(tenant, count);
    return Status::kOk;
  }
  Status Resize(std::size_t size) {
    std::uint64_t used = 0;
    std::uint64_t quotas = 0;
    for (std::size_t i = 0; i < tenants_.size(); ++i) {
      used += Used(i);
      quotas += tenants_[i].quota_blocks;
    }
    if (size == 0) return Status::kBadArgument;
    if (size > kLargest) return Status::kResizeBeyondSlab;
    if (size < used) return Status::kResizeBelowHeld;
    if (size < quotas) return Status::kQuotaBeyondSlab;
    largest_ = std::max(largest_, size);
    for (std::size_t i = size_; i < size; ++i) {
      if (blocks_[i].references == 0) {
        blocks_[i] = {};
        free_.push_back(static_cast<BlockId>(i));
      }
    }
    for (std::size_t i = size; i < size_; ++i) {
      if (blocks_[i].references != 0) continue;
      blocks_[i].hash.reset();
      free_.erase(std::remove(free_.begin(), free_.end(), static_cast<BlockId>(i)), free_.end());
    }
    size_ = size;
    Recall();
    return Status::kOk;
  }

  bool Exists(BlockId id) const { return id >= 0 && static_cast<std::size_t>(id) < largest_; }
  NaiveBlock& At(BlockId id) { return blocks_[static_cast<std::size_t>(id)]; }
  static bool IsCached(const NaiveBlock& block) {
    return block.references == 0 && block.hash.has_value();
  }

  std::vector<TenantLimits> tenants_;
  std::vector<std::uint64_t> owed_;
  std::vector<std::uint64_t> claimed_;
  std::vector<NaiveBlock> blocks_;
  Ids free_;
  Ids taken_;
  std::size_t size_ = kStart;
  std::size_t largest_ = kStart;
  std::uint64_t released_ = 0;
  std::map<ReservationId, std::pair<std::size_t, std::uint64_t>> reservations_;
  ReservationId last_reservation_ = 0;
};

std::vector<TenantLimits> SomeTenants() {
  std::vector<TenantLimits> tenants(4);
  tenants[0].borrow_blocks = UINT64_MAX;
  const char* names[] = {"default", "keeper", "lender", "borrower"};
  for (std::size_t i = 0; i < tenants.size(); ++i) tenants[i].name = names[i];
  tenants[1].quota_blocks = 6;
  tenants[2].quota_blocks = 6;
  tenants[2].lends = true;
  tenants[3].quota_blocks = 3;
  tenants[3].borrow_blocks = 10;
  return tenants;
}

class Player {
 public:
  explicit Player(std::uint64_t seed) : random_(seed), naive_(SomeTenants()) {
    PoolOptions options;
    options.blocks = kStart;
    options.max_blocks = kLargest;
    EXPECT_EQ(BlockPool::Create(options, &pool_), Status::kOk);
    const auto tenants = SomeTenants();
    for (std::size_t i = 1; i < tenants.size(); ++i) {
      TenantId id = 0;
      EXPECT_EQ(pool_->AddTenant(tenants[i], &id), Status::kOk);
      EXPECT_EQ(id, i);
    }
  }

  void Step();
  PoolStats Stats() const { return pool_->Stats(); }
  // False at the first difference.
  bool IsEqual() {
    const auto accounts = pool_->Tenants();
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      if (accounts[i].held != naive_.Held(i) || accounts[i].used() != naive_.Used(i) ||
          accounts[i].cached != naive_.Cached(i) || accounts[i].owed != naive_.owed_[i] ||
          accounts[i].claimed != naive_.claimed_[i]) {
        ADD_FAILURE() << "accounts of tenant " << i;
        return false;
      }
    }
    const char* what = "";
    if (pool_->Verify(&what) == Status::kOk) return true;
    ADD_FAILURE() << what;
    return false;
  }

 private:
  std::uint64_t Below(std::uint64_t end) { return random_() % end; }

  // Mostly blocks that are held, at times anything.
  Ids SomeIds() {
    Ids ids(1 + Below(4));
    for (BlockId& id : ids) {
      id = static_cast<BlockId>(Below(kLargest + 2)) - 1;
      for (int attempt = 0; attempt < 4; ++attempt) {
        if (naive_.Exists(id) && naive_.At(id).references != 0) break;
        id = static_cast<BlockId>(Below(naive_.largest_));
      }
    }
    if (Below(8) != 0) {
      std::sort(ids.begin(), ids.end());
      ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
      const TenantId tenant = naive_.Exists(ids[0]) ? naive_.At(ids[0]).tenant : TenantId{0};
      ids.erase(std::remove_if(ids.begin() + 1, ids.end(),
                               [&](BlockId id) { return naive_.At(id).tenant != tenant; }),
                ids.end());
      std::shuffle(ids.begin(), ids.end(), random_);
    }
    return ids;
  }

  // Mostly an open one.
  ReservationId SomeReservation() {
    if (naive_.reservations_.empty() || Below(8) == 0) {
      return 1 + Below(naive_.last_reservation_ + 1);
    }
    auto at = naive_.reservations_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(Below(naive_.reservations_.size())));
    return at->first;
  }

  std::mt19937_64 random_;
  NaivePool naive_;
  std::unique_ptr<BlockPool> pool_;
};

void Player::Step() {
  const auto tenant = static_cast<TenantId>(Below(4));
  switch (Below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: {
      Ids real(1 + Below(5));
      Ids expected(real.size());
      const ReservationId from = Below(4) == 0 ? SomeReservation() : 0;
      const Status status = naive_.Alloc(tenant, &expected, from);
      ASSERT_EQ(pool_->Alloc(tenant, real, from), status);
      if (status == Status::kOk) {
        ASSERT_EQ(real, expected);
      }
      break;
    }
    case 4:
    case 5:
    case 6:
    case 7: {
      const Ids ids = SomeIds();
      ASSERT_EQ(pool_->Free(ids), naive_.Free(ids));
      break;
    }
    case 8: {
      const Ids ids = SomeIds();
      ASSERT_EQ(pool_->Touch(ids), naive_.Touch(ids));
      break;
    }
    case 9:
    case 10: {
      const Ids ids = SomeIds();
      std::vector<Hash128> hashes;
      std::vector<std::uint64_t> numbers;
      for (std::size_t i = 0; i < ids.size(); ++i) {
        const BlockId id = ids[i];
        const bool known = naive_.Exists(id) && naive_.At(id).hash && Below(8) != 0;
        numbers.push_back(known ? *naive_.At(id).hash : Below(60));
        hashes.push_back({numbers.back(), 0});
      }
      const TenantId owner =
          naive_.Exists(ids[0]) && Below(16) != 0 ? naive_.At(ids[0]).tenant : tenant;
      std::size_t added = 0;
      std::size_t expected = 0;
      ASSERT_EQ(pool_->Cache(ids, hashes, owner, &added),
                naive_.Cache(ids, numbers, owner, &expected));
      ASSERT_EQ(added, expected);
      break;
    }
    case 11: {
      std::vector<Hash128> hashes;
      std::vector<std::uint64_t> numbers;
      for (std::uint64_t i = Below(5), first = Below(60); i > 0; --i) {
        numbers.push_back((first + i) % 60);
        hashes.push_back({numbers.back(), 0});
      }
      const bool hold = Below(2) == 0;
      Ids real(hashes.size());
      Ids expected;
      std::size_t found = 0;
      const Status status = naive_.Match(numbers, tenant, hold, &expected);
      ASSERT_EQ(pool_->MatchPrefix(hashes, tenant, real, &found, hold), status);
      real.resize(found);
      if (status == Status::kOk) {
        ASSERT_EQ(real, expected);
      }
      break;
    }
    case 12: {
      const Ids ids = SomeIds();
      ASSERT_EQ(pool_->Fork(ids), naive_.Fork(ids));
      break;
    }
    case 13: {
      const BlockId id = SomeIds()[0];
      BlockId real = kNoBlock;
      BlockId expected = kNoBlock;
      const Status status = naive_.Write(id, &expected);
      ASSERT_EQ(pool_->Write(id, &real), status);
      if (status == Status::kOk) {
        ASSERT_EQ(real, expected);
      }
      break;
    }
    case 14: {
      if (Below(2) == 0) {
        const Ids ids = SomeIds();
        const int priority = static_cast<int>(Below(4));
        ASSERT_EQ(pool_->SetPriority(ids, priority), naive_.SetPriority(ids, priority));
        break;
      }
      ReservationId real = 0;
      ReservationId expected = 0;
      const std::uint64_t count = Below(4);
      ASSERT_EQ(pool_->Reserve(tenant, count, &real), naive_.Reserve(tenant, count, &expected));
      ASSERT_EQ(real, expected);
      break;
    }
    default: {
      if (Below(4) != 0) {
        const ReservationId id = SomeReservation();
        ASSERT_EQ(pool_->Cancel(id), naive_.Cancel(id));
        break;
      }
      const std::size_t size = Below(kLargest + 2);
      ASSERT_EQ(pool_->Resize(size), naive_.Resize(size));
      break;
    }
  }
}

TEST(NaivePoolTest, RandomOperationsGiveTheSame) {
  const char* wanted = std::getenv("MEMWHY_GOVERN_OPERATIONS");
  const std::uint64_t operations = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 100'000;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Player player(seed);
    for (std::uint64_t i = 0; i < operations / 5; ++i) {
      player.Step();
      if (HasFatalFailure() || (i % 16 == 0 && !player.IsEqual())) {
        FAIL() << "seed " << seed << ", operation " << i;
      }
    }
    // Neither always full nor always empty.
    const PoolStats stats = player.Stats();
    EXPECT_GT(stats.allocated_total, operations / 50);
    EXPECT_GT(stats.evicted_total, operations / 250);
    EXPECT_GT(stats.copied_total, operations / 1000);
    EXPECT_GT(stats.found_total, operations / 10000);
  }
}

}  // namespace
}  // namespace memwhy::govern
