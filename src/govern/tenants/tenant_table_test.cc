// SPDX-License-Identifier: Apache-2.0
#include "govern/tenants/tenant_table.h"

#include <gtest/gtest.h>

namespace memwhy::govern {
namespace {

TenantLimits Limits(const char* name, std::uint64_t quota, std::uint64_t borrow = 0,
                    bool lends = false) {
  TenantLimits limits;
  limits.name = name;
  limits.quota_blocks = quota;
  limits.borrow_blocks = borrow;
  limits.lends = lends;
  return limits;
}

TenantId Added(TenantTable& table, const TenantLimits& limits) {
  TenantId id = 0;
  EXPECT_EQ(table.Add(limits, &id), Status::kOk);
  return id;
}

Status TryTake(TenantTable& table, TenantId id, std::uint64_t blocks) {
  const Status status = table.CanTake(id, blocks);
  if (status == Status::kOk) {
    table.Take(id, blocks);
  } else {
    table.CountRefusal(id, status, blocks);
  }
  EXPECT_EQ(table.Verify(), nullptr);
  return status;
}

TEST(TenantTableTest, AQuotaIsThereWhateverOthersBorrow) {
  TenantTable table(100);
  const TenantId prod = Added(table, Limits("prod", 64));
  const TenantId staging = Added(table, Limits("staging", 16, 1000));
  EXPECT_EQ(TryTake(table, staging, 37), Status::kPoolExhausted);
  EXPECT_EQ(TryTake(table, staging, 36), Status::kOk);  // its 16 and the 20 of nobody
  EXPECT_EQ(TryTake(table, kDefaultTenant, 1), Status::kPoolExhausted);
  EXPECT_EQ(TryTake(table, prod, 65), Status::kQuotaExceeded);
  EXPECT_EQ(TryTake(table, prod, 64), Status::kOk);
  EXPECT_EQ(table.used(), 100u);
}

TEST(TenantTableTest, QuotasBeyondThePoolAreRefused) {
  TenantTable table(100);
  const TenantId first = Added(table, Limits("first", 60));
  TenantId id = 0;
  EXPECT_EQ(table.Add(Limits("second", 41), &id), Status::kQuotaBeyondSlab);
  EXPECT_EQ(table.Add(Limits("huge", UINT64_MAX), &id), Status::kQuotaBeyondSlab);
  EXPECT_EQ(table.Add(Limits("first", 1), &id), Status::kDuplicateTenant);
  EXPECT_EQ(table.Add(Limits("default", 1), &id), Status::kDuplicateTenant);
  EXPECT_EQ(table.Add(Limits("", 1), &id), Status::kBadArgument);
  EXPECT_EQ(table.Add(Limits("a\nb", 1), &id), Status::kBadArgument);
  EXPECT_EQ(table.Change(first, Limits("first", 101)), Status::kQuotaBeyondSlab);
  EXPECT_EQ(table.SetCapacity(59), Status::kQuotaBeyondSlab);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.Verify(), nullptr);
}

TEST(TenantTableTest, WhatIsLentComesBackOnDemand) {
  TenantTable table(100);
  const TenantId lender = Added(table, Limits("lender", 80, 0, true));
  const TenantId borrower = Added(table, Limits("borrower", 20, 80));
  ASSERT_EQ(TryTake(table, borrower, 90), Status::kOk);
  EXPECT_EQ(TryTake(table, lender, 30), Status::kLentOut);
  EXPECT_EQ(table.Account(borrower).owed, 20u);  // 10 are free
  EXPECT_EQ(TryTake(table, borrower, 1), Status::kOwesBlocks);
  table.Give(borrower, 20);
  EXPECT_EQ(table.Account(borrower).owed, 0u);
  // The lender's claim keeps the blocks until it asks again.
  EXPECT_EQ(TryTake(table, borrower, 1), Status::kPoolExhausted);
  EXPECT_EQ(TryTake(table, lender, 30), Status::kOk);
  EXPECT_EQ(table.Account(lender).claimed, 0u);
}

TEST(TenantTableTest, AClaimNeverTakesFromATenantThatDoesNotLend) {
  TenantTable table(100);
  const TenantId lender = Added(table, Limits("lender", 50, 0, true));
  const TenantId keeper = Added(table, Limits("keeper", 50));
  ASSERT_EQ(TryTake(table, kDefaultTenant, 50), Status::kOk);
  EXPECT_EQ(TryTake(table, lender, 50), Status::kLentOut);
  EXPECT_EQ(TryTake(table, keeper, 50), Status::kOk);
  EXPECT_EQ(table.Account(kDefaultTenant).owed, 50u);
}

TEST(TenantTableTest, ARaisedQuotaIsOwedByThoseWhoBorrowed) {
  TenantTable table(100);
  const TenantId tenant = Added(table, Limits("tenant", 10));
  ASSERT_EQ(TryTake(table, kDefaultTenant, 90), Status::kOk);
  ASSERT_EQ(table.Change(tenant, Limits("tenant", 40)), Status::kOk);
  EXPECT_EQ(table.Account(kDefaultTenant).owed, 30u);
  EXPECT_EQ(TryTake(table, tenant, 40), Status::kLentOut);
  table.Give(kDefaultTenant, 30);
  EXPECT_EQ(TryTake(table, tenant, 40), Status::kOk);
}

TEST(TenantTableTest, MarksAreOfWhatATenantMayHold) {
  TenantTable table(1000);
  TenantLimits limits = Limits("prod", 100);
  limits.max_requests = 2;
  const TenantId prod = Added(table, limits);
  table.Take(prod, 84);
  EXPECT_EQ(table.Account(prod).level, MarkLevel::kBelow);
  table.Take(prod, 1);
  EXPECT_EQ(table.Account(prod).level, MarkLevel::kSoft);
  EXPECT_EQ(table.BeginRequest(prod), Status::kOk);
  table.Take(prod, 7);
  EXPECT_EQ(table.Account(prod).level, MarkLevel::kHard);
  EXPECT_EQ(table.BeginRequest(prod), Status::kAtHardMark);
  table.Give(prod, 1);
  EXPECT_EQ(table.BeginRequest(prod), Status::kOk);
  EXPECT_EQ(table.BeginRequest(prod), Status::kTooManyRequests);
  EXPECT_EQ(table.EndRequest(prod), Status::kOk);
  EXPECT_EQ(table.EndRequest(prod), Status::kOk);
  EXPECT_EQ(table.EndRequest(prod), Status::kNoActiveRequest);
  limits.soft_mark = 0.95;
  EXPECT_EQ(table.Change(prod, limits), Status::kBadArgument);
}

TEST(TenantTableTest, OthersEvictOnlyWhatIsBeyondTheQuota) {
  TenantTable table(100);
  const TenantId tenant = Added(table, Limits("tenant", 10, 90));
  table.Take(tenant, 4);
  for (int i = 0; i < 9; ++i) table.AddCached(tenant);
  EXPECT_EQ(table.Evictable(tenant), 3u);
  table.Take(tenant, 6);
  EXPECT_EQ(table.Evictable(tenant), 9u);
}

}  // namespace
}  // namespace memwhy::govern
