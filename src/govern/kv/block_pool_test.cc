// SPDX-License-Identifier: Apache-2.0
#include "govern/kv/block_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace memwhy::govern {
namespace {

using ::testing::ElementsAre;
using Ids = std::vector<BlockId>;

std::unique_ptr<BlockPool> Made(PoolOptions options) {
  std::unique_ptr<BlockPool> pool;
  EXPECT_EQ(BlockPool::Create(options, &pool), Status::kOk);
  return pool;
}

std::unique_ptr<BlockPool> Made(std::uint64_t blocks) {
  PoolOptions options;
  options.blocks = blocks;
  options.salt = {1, 2};
  return Made(options);
}

TenantId Added(BlockPool& pool, const char* name, std::uint64_t quota, std::uint64_t borrow = 0) {
  TenantLimits limits;
  limits.name = name;
  limits.quota_blocks = quota;
  limits.borrow_blocks = borrow;
  TenantId id = 0;
  EXPECT_EQ(pool.AddTenant(limits, &id), Status::kOk);
  return id;
}

Ids Allocated(BlockPool& pool, std::size_t count, TenantId tenant = kDefaultTenant) {
  Ids ids(count);
  EXPECT_EQ(pool.Alloc(tenant, ids), Status::kOk);
  return ids;
}

std::vector<Hash128> Chain(std::size_t count, std::uint64_t seed) {
  std::vector<Hash128> hashes(count);
  for (std::size_t i = 0; i < count; ++i) hashes[i] = {seed * 1000 + i, seed};
  return hashes;
}

void Cached(BlockPool& pool, const Ids& ids, std::uint64_t seed, TenantId tenant = kDefaultTenant) {
  std::size_t added = 0;
  EXPECT_EQ(pool.Cache(ids, Chain(ids.size(), seed), tenant, &added), Status::kOk);
  EXPECT_EQ(added, ids.size());
}

Ids Matched(BlockPool& pool, std::size_t count, std::uint64_t seed,
            TenantId tenant = kDefaultTenant, bool hold = false) {
  Ids out(count);
  std::size_t found = 0;
  EXPECT_EQ(pool.MatchPrefix(Chain(count, seed), tenant, out, &found, hold), Status::kOk);
  out.resize(found);
  return out;
}

void ExpectWhole(const BlockPool& pool) {
  const char* what = "";
  EXPECT_EQ(pool.Verify(&what), Status::kOk) << what;
}

TEST(BlockPoolTest, GivesAllBlocksOnce) {
  const auto pool = Made(8);
  Ids ids = Allocated(*pool, 8);
  EXPECT_EQ(std::set<BlockId>(ids.begin(), ids.end()).size(), 8u);
  BlockId one = 0;
  EXPECT_EQ(pool->Alloc(kDefaultTenant, {&one, 1}), Status::kPoolExhausted);
  EXPECT_EQ(pool->Free(ids), Status::kOk);
  EXPECT_EQ(pool->Stats().free, 8u);
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, MisuseIsAnErrorByNameAndChangesNothing) {
  const auto pool = Made(8);
  const Ids ids = Allocated(*pool, 3);
  EXPECT_EQ(pool->Free(Ids{ids[0], 8}), Status::kForeignBlock);
  EXPECT_EQ(pool->Free(Ids{ids[0], -1}), Status::kForeignBlock);
  EXPECT_EQ(pool->Free(Ids{ids[0], 7}), Status::kBlockIsFree);
  EXPECT_EQ(pool->Free(Ids{ids[0], ids[0]}), Status::kBlockGivenTwice);
  EXPECT_EQ(pool->Touch(Ids{7}), Status::kBlockIsFree);
  EXPECT_EQ(pool->Fork(Ids{7}), Status::kBlockIsFree);
  EXPECT_EQ(pool->SetPriority(ids, 4), Status::kBadArgument);
  EXPECT_EQ(pool->Alloc(9, {}), Status::kUnknownTenant);
  EXPECT_EQ(pool->Cancel(5), Status::kUnknownReservation);
  EXPECT_EQ(pool->EndRequest(0), Status::kNoActiveRequest);
  BlockId one = 0;
  EXPECT_EQ(pool->Write(99, &one), Status::kForeignBlock);
  EXPECT_EQ(pool->Resize(2), Status::kResizeBelowHeld);
  void* address = nullptr;
  EXPECT_EQ(pool->Address(0, &address), Status::kNoSlab);
  EXPECT_EQ(pool->Stats().held, 3u);
  EXPECT_EQ(pool->Free(ids), Status::kOk);
  EXPECT_EQ(pool->Free(ids), Status::kBlockIsFree);
  ExpectWhole(*pool);
  std::unique_ptr<BlockPool> none;
  EXPECT_EQ(BlockPool::Create({}, &none), Status::kBadArgument);
  PoolOptions huge;
  huge.blocks = kMaxBlocks + 1;
  EXPECT_EQ(BlockPool::Create(huge, &none), Status::kBadArgument);
  EXPECT_EQ(pool->Resize(kMaxBlocks + 1), Status::kResizeBeyondSlab);
}

TEST(BlockPoolTest, FreeBlocksGoBeforeCachedOnesAndTailsBeforeHeads) {
  const auto pool = Made(6);
  const Ids request = Allocated(*pool, 4);
  Cached(*pool, request, 1);
  EXPECT_EQ(pool->Free(request), Status::kOk);
  const Ids first = Allocated(*pool, 3);  // two that were never used, then the tail
  EXPECT_EQ(first[2], request[3]);
  EXPECT_EQ(Matched(*pool, 4, 1), Ids(request.begin(), request.begin() + 3));
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, APrefixIsFoundHeldAndChargedAgain) {
  const auto pool = Made(4);
  const Ids request = Allocated(*pool, 3);
  Cached(*pool, request, 7);
  EXPECT_EQ(pool->Free(request), Status::kOk);
  EXPECT_EQ(pool->Stats().cached, 3u);
  EXPECT_EQ(Matched(*pool, 5, 7, kDefaultTenant, true), request);
  EXPECT_EQ(pool->Stats().held, 3u);
  EXPECT_EQ(Matched(*pool, 5, 7, kDefaultTenant, true), request);
  EXPECT_EQ(pool->Free(request), Status::kOk);
  EXPECT_EQ(pool->Free(request), Status::kOk);
  EXPECT_EQ(pool->Free(request), Status::kBlockIsFree);
  EXPECT_EQ(pool->ResetPrefixes(), 3u);
  EXPECT_EQ(Matched(*pool, 3, 7), Ids{});
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, PrioritiesDecideBeforeAge) {
  const auto pool = Made(3);
  const Ids ids = Allocated(*pool, 3);
  Cached(*pool, ids, 1);
  EXPECT_EQ(pool->SetPriority(Ids{ids[2]}, 2), Status::kOk);
  EXPECT_EQ(pool->Free(ids), Status::kOk);
  EXPECT_EQ(pool->SetPriority(Ids{ids[1]}, 1), Status::kOk);
  EXPECT_THAT(Allocated(*pool, 3), ElementsAre(ids[0], ids[1], ids[2]));
}

TEST(BlockPoolTest, NobodyEvictsWhatATenantCachesWithinItsQuota) {
  const auto pool = Made(10);
  const TenantId prod = Added(*pool, "prod", 4);
  const TenantId staging = Added(*pool, "staging", 2, 100);
  const Ids kept = Allocated(*pool, 4, prod);
  Cached(*pool, kept, 1, prod);
  EXPECT_EQ(pool->Free(kept), Status::kOk);
  for (int round = 0; round < 5; ++round) {
    const Ids flood = Allocated(*pool, 6, staging);
    BlockId one = 0;
    EXPECT_EQ(pool->Alloc(staging, {&one, 1}), Status::kPoolExhausted);
    Cached(*pool, flood, static_cast<std::uint64_t>(10 + round), staging);
    EXPECT_EQ(pool->Free(flood), Status::kOk);
    ExpectWhole(*pool);
  }
  EXPECT_EQ(Matched(*pool, 4, 1, prod), kept);
  // Its own prefixes go when it asks for more, and staging's, which borrowed, go first: older.
  EXPECT_EQ(Allocated(*pool, 4, prod).size(), 4u);
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, TenantsDoNotSeeEachOthersPrefixes) {
  const auto pool = Made(10);
  const TenantId a = Added(*pool, "a", 3);
  const TenantId b = Added(*pool, "b", 3);
  const Ids ids = Allocated(*pool, 2, a);
  Cached(*pool, ids, 1, a);
  EXPECT_EQ(Matched(*pool, 2, 1, b), Ids{});
  const Ids own = Allocated(*pool, 2, b);
  Cached(*pool, own, 1, b);
  EXPECT_EQ(Matched(*pool, 2, 1, b), own);
  EXPECT_EQ(Matched(*pool, 2, 1, a), ids);
  std::size_t added = 0;
  EXPECT_EQ(pool->Cache(ids, Chain(2, 3), b, &added), Status::kOtherTenant);
  EXPECT_EQ(pool->Cache(ids, Chain(2, 3), a, &added), Status::kCachedOtherwise);
  const std::vector<std::uint32_t> tokens = {1, 2, 3};
  EXPECT_FALSE(pool->HashTokens(a, {}, tokens) == pool->HashTokens(b, {}, tokens));
  EXPECT_TRUE(pool->HashTokens(a, {}, tokens) == pool->HashTokens(a, {}, tokens));
  EXPECT_FALSE(pool->HashTokens(a, {}, tokens) == pool->HashTokens(a, {1, 0}, tokens));
}

TEST(BlockPoolTest, AForkIsCopiedWhenOneOfThemWrites) {
  const auto pool = Made(4);
  const Ids ids = Allocated(*pool, 2);
  Cached(*pool, ids, 1);
  EXPECT_EQ(pool->Fork(ids), Status::kOk);
  BlockId to = 0;
  EXPECT_EQ(pool->Write(ids[1], &to), Status::kOk);
  EXPECT_NE(to, ids[1]);
  std::vector<BlockCopy> copies(4);
  ASSERT_EQ(pool->TakeCopies(copies), 1u);
  EXPECT_EQ(copies[0].from, ids[1]);
  EXPECT_EQ(copies[0].to, to);
  EXPECT_EQ(pool->TakeCopies(copies), 0u);
  // The other holder is alone now, and what it writes ends the prefix.
  EXPECT_EQ(pool->Write(ids[1], &to), Status::kOk);
  EXPECT_EQ(to, ids[1]);
  EXPECT_EQ(Matched(*pool, 2, 1), Ids{ids[0]});
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, AWriteThatFindsNoBlockChangesNothing) {
  const auto pool = Made(2);
  const Ids ids = Allocated(*pool, 2);
  EXPECT_EQ(pool->Fork(ids), Status::kOk);
  BlockId to = kNoBlock;
  EXPECT_EQ(pool->Write(ids[0], &to), Status::kPoolExhausted);
  std::uint32_t references = 0;
  EXPECT_EQ(pool->References(ids[0], &references), Status::kOk);
  EXPECT_EQ(references, 2u);
  std::vector<BlockCopy> copies(1);
  EXPECT_EQ(pool->TakeCopies(copies), 0u);
}

TEST(BlockPoolTest, AReservationIsKept) {
  const auto pool = Made(10);
  const TenantId tenant = Added(*pool, "tenant", 6);
  ReservationId id = 0;
  EXPECT_EQ(pool->Reserve(tenant, 7, &id), Status::kQuotaExceeded);
  ASSERT_EQ(pool->Reserve(tenant, 5, &id), Status::kOk);
  Ids ids(2);
  EXPECT_EQ(pool->Alloc(tenant, ids), Status::kQuotaExceeded);
  EXPECT_EQ(pool->Alloc(kDefaultTenant, ids, id), Status::kOtherTenant);
  EXPECT_EQ(pool->Alloc(tenant, ids, id), Status::kOk);
  Ids many(4);
  EXPECT_EQ(pool->Alloc(tenant, many, id), Status::kReservationExceeded);
  EXPECT_EQ(pool->Stats().reserved, 3u);
  ExpectWhole(*pool);
  EXPECT_EQ(pool->Cancel(id), Status::kOk);
  EXPECT_EQ(pool->Cancel(id), Status::kUnknownReservation);
  EXPECT_EQ(pool->Alloc(tenant, many), Status::kOk);
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, GrowsAndShrinksWhileBlocksAreHeld) {
  PoolOptions options;
  options.blocks = 4;
  options.max_blocks = 8;
  options.slab = SlabKind::kHost;
  options.block_bytes = 4096;
  const auto pool = Made(options);
  const Ids ids = Allocated(*pool, 4);
  EXPECT_EQ(pool->Resize(9), Status::kResizeBeyondSlab);
  EXPECT_EQ(pool->Resize(8), Status::kOk);
  const Ids more = Allocated(*pool, 4);
  void* address = nullptr;
  void* first = nullptr;
  ASSERT_EQ(pool->Address(more[3], &address), Status::kOk);
  ASSERT_EQ(pool->Address(0, &first), Status::kOk);
  EXPECT_EQ(static_cast<char*>(address) - static_cast<char*>(first), more[3] * 4096);
  std::memset(address, 7, 4096);
  EXPECT_EQ(pool->Free(ids), Status::kOk);
  // Four are held, and they lie beyond the new end: they stay until they are freed.
  EXPECT_EQ(pool->Resize(4), Status::kOk);
  EXPECT_EQ(pool->Stats().retiring, 4u);
  EXPECT_EQ(*static_cast<char*>(address), 7);
  BlockId one = 0;
  EXPECT_EQ(pool->Alloc(kDefaultTenant, {&one, 1}), Status::kPoolExhausted);
  ExpectWhole(*pool);
  EXPECT_EQ(pool->Free(more), Status::kOk);
  EXPECT_EQ(pool->Stats().retiring, 0u);
  EXPECT_EQ(pool->Free(more), Status::kBlockIsFree);
  EXPECT_EQ(Allocated(*pool, 4).size(), 4u);
  EXPECT_EQ(pool->Resize(8), Status::kOk);
  EXPECT_EQ(Allocated(*pool, 4).size(), 4u);
  ExpectWhole(*pool);
}

TEST(BlockPoolTest, EventsAreKeptInOrderAndLossIsCounted) {
  FakeClock clock;
  clock.Advance(5);
  PoolOptions options;
  options.blocks = 4;
  options.events = 3;
  options.clock = &clock;
  const auto pool = Made(options);
  const Ids ids = Allocated(*pool, 4);  // the default tenant is at its marks: one event
  Cached(*pool, ids, 1);
  EXPECT_EQ(pool->Stats().lost_events, 2u);
  std::vector<PoolEvent> events(8);
  ASSERT_EQ(pool->TakeEvents(events), 3u);
  EXPECT_EQ(events[0].kind, PoolEventKind::kMark);
  EXPECT_EQ(events[1].kind, PoolEventKind::kCached);
  EXPECT_EQ(events[1].block, ids[0]);
  EXPECT_EQ(events[1].hash.low, 1000u);
  EXPECT_EQ(events[2].time_ns, 5u);
  EXPECT_EQ(pool->TakeEvents(events), 0u);
}

TEST(BlockPoolTest, TheExampleGeometryIsSixtyFourKibibytesEach) {
  BlockGeometry geometry;
  geometry.keys_and_values = false;
  EXPECT_EQ(geometry.block_bytes(), 65536u);
  geometry.keys_and_values = true;
  EXPECT_EQ(geometry.block_bytes(), 131072u);
  geometry.tokens = UINT64_MAX;
  EXPECT_EQ(geometry.block_bytes(), 0u);
}

}  // namespace
}  // namespace memwhy::govern
