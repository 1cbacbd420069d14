// SPDX-License-Identifier: Apache-2.0
//
// The accounts of a pool's tenants: who holds how many blocks, and who may take more. Counts only;
// the pool owns the table, and its lock guards it.
//
//   capacity = held by all + kept for those below their quota + free for anybody
//
// Invariant: a tenant that does not lend gets every block of its quota at once. A block may be
// taken if, afterwards, used() + kept() <= capacity(): `kept` is what tenants that do not lend
// have not used of their quotas. So nobody can borrow a block that its owner may ask for. Only a
// quota that is raised while blocks are lent can break this until the borrowers have given back.
//
// A tenant that lends may be refused within its quota (kLentOut). The refusal makes a claim: so
// many blocks are kept for it as they come back, and those who borrowed most owe them (`owed`);
// who owes borrows nothing. A claim ends when its blocks are taken or its tenant frees blocks.
//
// Tenant 0 ("default") always exists. It has no quota and borrows what nobody keeps.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "govern/status.h"

namespace memwhy::govern {

using TenantId = std::uint16_t;
inline constexpr TenantId kDefaultTenant = 0;
inline constexpr std::size_t kMaxTenants = 1024;

struct TenantLimits {
  std::string name;                 // 1 to 63 bytes of printable ASCII
  std::uint64_t quota_blocks = 0;   // kept for this tenant
  std::uint64_t borrow_blocks = 0;  // what it may hold beyond its quota
  std::uint64_t max_requests = 0;   // at once; 0: any number
  double soft_mark = 0.85;          // of quota + borrow (at most the pool): time to degrade
  double hard_mark = 0.92;          // no new request from here on
  bool lends = false;               // what it does not use may be borrowed, to be given back
};

enum class MarkLevel : std::uint8_t { kBelow = 0, kSoft = 1, kHard = 2 };

struct TenantAccount {
  TenantLimits limits;
  std::uint64_t held = 0;      // blocks with a reference
  std::uint64_t reserved = 0;  // promised by reservations
  std::uint64_t cached = 0;    // blocks that nobody holds, found by their prefix
  std::uint64_t owed = 0;      // to be given back of what it borrowed
  std::uint64_t claimed = 0;   // asked for in vain, to be kept (of tenants that lend)
  std::uint64_t requests = 0;  // active
  std::uint64_t peak_used = 0;
  std::uint64_t refused = 0;  // blocks or requests asked for in vain, calls
  std::uint64_t evicted = 0;  // cached blocks lost to make room
  MarkLevel level = MarkLevel::kBelow;

  std::uint64_t used() const { return held + reserved; }
};

class TenantTable {
 public:
  explicit TenantTable(std::uint64_t capacity_blocks);

  Status Add(const TenantLimits& limits, TenantId* id);
  // New limits under the same name. Less than what is held is allowed: the tenant gets nothing more
  // until it is below.
  Status Change(TenantId id, const TenantLimits& limits);
  // kUnknownTenant, or the id.
  Status Find(std::string_view name, TenantId* id) const;

  // May `id` use `blocks` more? Pure.
  Status CanTake(TenantId id, std::uint64_t blocks) const;
  // Only after CanTake said yes.
  void Take(TenantId id, std::uint64_t blocks);
  void Give(TenantId id, std::uint64_t blocks);
  void Reserve(TenantId id, std::uint64_t blocks);
  void Unreserve(TenantId id, std::uint64_t blocks);
  // Reserved blocks become held ones.
  void UseReserved(TenantId id, std::uint64_t blocks);
  void AddCached(TenantId id) { ++accounts_[id].cached; }
  void DropCached(TenantId id) { --accounts_[id].cached; }
  // Blocks were asked for in vain. With kLentOut, they are claimed.
  void CountRefusal(TenantId id, Status status, std::uint64_t blocks);
  void CountEviction(TenantId id) { ++accounts_[id].evicted; }

  Status BeginRequest(TenantId id);
  Status EndRequest(TenantId id);

  // How many cached blocks of `owner` others may evict.
  std::uint64_t Evictable(TenantId owner) const;

  // kResizeBelowHeld, kQuotaBeyondSlab.
  Status SetCapacity(std::uint64_t blocks);

  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const { return used_; }
  std::uint64_t kept() const { return kept_; }
  std::uint64_t quotas() const { return quotas_; }
  bool Has(TenantId id) const { return id < accounts_.size(); }
  const TenantAccount& Account(TenantId id) const { return accounts_[id]; }
  std::size_t size() const { return accounts_.size(); }
  // What the tenant may hold at most.
  std::uint64_t Ceiling(TenantId id) const;

  // Null, or the sum that is wrong.
  const char* Verify() const;

 private:
  static std::uint64_t KeptOf(const TenantAccount& account);
  static std::uint64_t BorrowedBy(const TenantAccount& account);
  Status CheckLimits(const TenantLimits& limits) const;
  void SetUsed(TenantId id, std::uint64_t held, std::uint64_t reserved);
  void SetClaim(TenantId id, std::uint64_t blocks);
  void UpdateLevel(TenantId id);
  void Recall();

  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t claims_ = 0;
  std::uint64_t quotas_ = 0;
  std::vector<TenantAccount> accounts_;
};

}  // namespace memwhy::govern
