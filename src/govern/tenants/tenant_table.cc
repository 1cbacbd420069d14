// SPDX-License-Identifier: Apache-2.0
#include "govern/tenants/tenant_table.h"

#include <algorithm>

namespace memwhy::govern {
namespace {

constexpr std::size_t kMaxNameBytes = 63;

bool IsMark(double mark) { return mark > 0 && mark <= 1; }  // false for NaN

// Names are printed, and stand in JSON: printable ASCII.
bool IsName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

TenantTable::TenantTable(std::uint64_t capacity_blocks) : capacity_(capacity_blocks) {
  TenantAccount account;
  account.limits.name = "default";
  account.limits.borrow_blocks = UINT64_MAX;
  account.limits.soft_mark = 1;
  account.limits.hard_mark = 1;
  accounts_.push_back(std::move(account));
}

std::uint64_t TenantTable::KeptOf(const TenantAccount& account) {
  const std::uint64_t quota = account.limits.quota_blocks;
  return account.limits.lends || account.used() >= quota ? 0 : quota - account.used();
}

std::uint64_t TenantTable::BorrowedBy(const TenantAccount& account) {
  const std::uint64_t quota = account.limits.quota_blocks;
  return account.used() > quota ? account.used() - quota : 0;
}

std::uint64_t TenantTable::Ceiling(TenantId id) const {
  const TenantLimits& limits = accounts_[id].limits;
  const std::uint64_t room = capacity_ > limits.quota_blocks ? capacity_ - limits.quota_blocks : 0;
  return limits.quota_blocks + std::min(limits.borrow_blocks, room);
}

Status TenantTable::CheckLimits(const TenantLimits& limits) const {
  if (!IsName(limits.name)) return Status::kBadArgument;
  if (!IsMark(limits.soft_mark) || !IsMark(limits.hard_mark)) return Status::kBadArgument;
  if (limits.soft_mark > limits.hard_mark) return Status::kBadArgument;
  return Status::kOk;
}

Status TenantTable::Add(const TenantLimits& limits, TenantId* id) {
  if (const Status status = CheckLimits(limits); status != Status::kOk) return status;
  if (accounts_.size() >= kMaxTenants) return Status::kTooManyTenants;
  TenantId other = 0;
  if (Find(limits.name, &other) == Status::kOk) return Status::kDuplicateTenant;
  if (limits.quota_blocks > capacity_ - quotas_) return Status::kQuotaBeyondSlab;
  TenantAccount account;
  account.limits = limits;
  *id = static_cast<TenantId>(accounts_.size());
  accounts_.push_back(std::move(account));
  quotas_ += limits.quota_blocks;
  kept_ += KeptOf(accounts_.back());
  Recall();
  return Status::kOk;
}

Status TenantTable::Change(TenantId id, const TenantLimits& limits) {
  if (!Has(id)) return Status::kUnknownTenant;
  if (const Status status = CheckLimits(limits); status != Status::kOk) return status;
  TenantAccount& account = accounts_[id];
  if (limits.name != account.limits.name) return Status::kBadArgument;
  const std::uint64_t others = quotas_ - account.limits.quota_blocks;
  if (limits.quota_blocks > capacity_ - others) return Status::kQuotaBeyondSlab;
  kept_ -= KeptOf(account);
  account.limits = limits;
  kept_ += KeptOf(account);
  SetClaim(id, 0);
  quotas_ = others + limits.quota_blocks;
  SetUsed(id, account.held, account.reserved);
  Recall();
  return Status::kOk;
}

Status TenantTable::Find(std::string_view name, TenantId* id) const {
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    if (accounts_[i].limits.name == name) {
      *id = static_cast<TenantId>(i);
      return Status::kOk;
    }
  }
  return Status::kUnknownTenant;
}

Status TenantTable::CanTake(TenantId id, std::uint64_t blocks) const {
  if (!Has(id)) return Status::kUnknownTenant;
  const TenantAccount& account = accounts_[id];
  const std::uint64_t ceiling = Ceiling(id);
  if (blocks > ceiling || account.used() > ceiling - blocks) {
    // The default tenant has no limit of its own.
    return id == kDefaultTenant ? Status::kPoolExhausted : Status::kQuotaExceeded;
  }
  const std::uint64_t after = account.used() + blocks;
  const std::uint64_t quota = account.limits.quota_blocks;
  if (account.owed > 0 && after > quota) return Status::kOwesBlocks;
  const std::uint64_t kept_after = kept_ - std::min(KeptOf(account), blocks);
  std::uint64_t needed = used_ + blocks + kept_after;
  if (after > quota || account.limits.lends) needed += claims_ - account.claimed;
  if (needed <= capacity_) return Status::kOk;
  return after <= quota ? Status::kLentOut : Status::kPoolExhausted;
}

void TenantTable::CountRefusal(TenantId id, Status status, std::uint64_t blocks) {
  TenantAccount& account = accounts_[id];
  ++account.refused;
  if (status != Status::kLentOut || !account.limits.lends) return;
  SetClaim(id, std::max(account.claimed, blocks));
  Recall();
}

void TenantTable::SetClaim(TenantId id, std::uint64_t blocks) {
  claims_ = claims_ - accounts_[id].claimed + blocks;
  accounts_[id].claimed = blocks;
}

void TenantTable::SetUsed(TenantId id, std::uint64_t held, std::uint64_t reserved) {
  TenantAccount& account = accounts_[id];
  used_ -= account.used();
  kept_ -= KeptOf(account);
  account.held = held;
  account.reserved = reserved;
  used_ += account.used();
  kept_ += KeptOf(account);
  account.peak_used = std::max(account.peak_used, account.used());
  account.owed = std::min(account.owed, BorrowedBy(account));
  UpdateLevel(id);
}

void TenantTable::UpdateLevel(TenantId id) {
  TenantAccount& account = accounts_[id];
  const auto ceiling = static_cast<double>(Ceiling(id));
  const auto used = static_cast<double>(account.used());
  account.level = MarkLevel::kBelow;
  if (account.used() == 0) return;
  if (used >= account.limits.soft_mark * ceiling) account.level = MarkLevel::kSoft;
  if (used >= account.limits.hard_mark * ceiling) account.level = MarkLevel::kHard;
}

void TenantTable::Take(TenantId id, std::uint64_t blocks) {
  const TenantAccount& account = accounts_[id];
  if (account.claimed != 0) SetClaim(id, account.claimed - std::min(account.claimed, blocks));
  SetUsed(id, account.held + blocks, account.reserved);
}

// Those who gave back pay their debt first: `owed` falls by what is given, not only when the tenant
// is back at its quota.
void TenantTable::Give(TenantId id, std::uint64_t blocks) {
  TenantAccount& account = accounts_[id];
  account.owed -= std::min(account.owed, blocks);
  if (account.claimed != 0) SetClaim(id, 0);
  SetUsed(id, account.held - blocks, account.reserved);
}

void TenantTable::Reserve(TenantId id, std::uint64_t blocks) {
  const TenantAccount& account = accounts_[id];
  if (account.claimed != 0) SetClaim(id, account.claimed - std::min(account.claimed, blocks));
  SetUsed(id, account.held, account.reserved + blocks);
}

void TenantTable::Unreserve(TenantId id, std::uint64_t blocks) {
  TenantAccount& account = accounts_[id];
  account.owed -= std::min(account.owed, blocks);
  if (account.claimed != 0) SetClaim(id, 0);
  SetUsed(id, account.held, account.reserved - blocks);
}

void TenantTable::UseReserved(TenantId id, std::uint64_t blocks) {
  SetUsed(id, accounts_[id].held + blocks, accounts_[id].reserved - blocks);
}

Status TenantTable::BeginRequest(TenantId id) {
  if (!Has(id)) return Status::kUnknownTenant;
  TenantAccount& account = accounts_[id];
  if (account.limits.max_requests != 0 && account.requests >= account.limits.max_requests) {
    ++account.refused;
    return Status::kTooManyRequests;
  }
  if (account.level == MarkLevel::kHard) {
    ++account.refused;
    return Status::kAtHardMark;
  }
  ++account.requests;
  return Status::kOk;
}

Status TenantTable::EndRequest(TenantId id) {
  if (!Has(id)) return Status::kUnknownTenant;
  if (accounts_[id].requests == 0) return Status::kNoActiveRequest;
  --accounts_[id].requests;
  return Status::kOk;
}

// What is missing is owed by those who borrowed most. Not called on the way of a block that is
// there.
void TenantTable::Recall() {
  const std::uint64_t promised = used_ + kept_ + claims_;
  const std::uint64_t missing = promised > capacity_ ? promised - capacity_ : 0;
  std::uint64_t asked = 0;
  for (const TenantAccount& account : accounts_) asked += account.owed;
  while (asked < missing) {
    TenantAccount* most = nullptr;
    std::uint64_t most_left = 0;
    for (TenantAccount& account : accounts_) {
      const std::uint64_t left = BorrowedBy(account) - account.owed;
      if (left > most_left) {
        most_left = left;
        most = &account;
      }
    }
    if (most == nullptr) return;
    const std::uint64_t part = std::min(most_left, missing - asked);
    most->owed += part;
    asked += part;
  }
}

std::uint64_t TenantTable::Evictable(TenantId owner) const {
  const TenantAccount& account = accounts_[owner];
  const std::uint64_t kept = KeptOf(account);
  return account.cached > kept ? account.cached - kept : 0;
}

Status TenantTable::SetCapacity(std::uint64_t blocks) {
  if (blocks < used_) return Status::kResizeBelowHeld;
  if (blocks < quotas_) return Status::kQuotaBeyondSlab;
  capacity_ = blocks;
  for (std::size_t i = 0; i < accounts_.size(); ++i) UpdateLevel(static_cast<TenantId>(i));
  Recall();
  return Status::kOk;
}

const char* TenantTable::Verify() const {
  std::uint64_t used = 0;
  std::uint64_t kept = 0;
  std::uint64_t quotas = 0;
  std::uint64_t claims = 0;
  for (const TenantAccount& account : accounts_) {
    used += account.used();
    kept += KeptOf(account);
    quotas += account.limits.quota_blocks;
    claims += account.claimed;
    if (account.owed > BorrowedBy(account)) return "a tenant owes more than it borrowed";
  }
  if (used != used_) return "the sum of used blocks";
  if (kept != kept_) return "the sum of kept blocks";
  if (claims != claims_) return "the sum of claims";
  if (quotas != quotas_) return "the sum of quotas";
  if (used > capacity_) return "more blocks are used than the pool has";
  if (quotas > capacity_) return "the quotas exceed the pool";
  return nullptr;
}

}  // namespace memwhy::govern
