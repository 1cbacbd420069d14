// SPDX-License-Identifier: Apache-2.0
//
// 64 threads on one pool: no block is in two hands, and no tenant ever holds more than it may.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "govern/kv/block_pool.h"

namespace memwhy::govern {
namespace {

constexpr std::size_t kThreads = 64;
constexpr std::size_t kTenants = 4;
constexpr std::uint64_t kQuota = 50;
constexpr int kRounds = 300;

TEST(PoolThreadsTest, NoBlockInTwoHandsAndNoQuotaExceeded) {
  PoolOptions options;
  options.blocks = 256;
  std::unique_ptr<BlockPool> pool;
  ASSERT_EQ(BlockPool::Create(options, &pool), Status::kOk);
  std::vector<TenantId> tenants(kTenants);
  for (std::size_t i = 0; i < kTenants; ++i) {
    TenantLimits limits;
    limits.name = std::string(1, static_cast<char>('a' + i));
    limits.quota_blocks = kQuota;
    ASSERT_EQ(pool->AddTenant(limits, &tenants[i]), Status::kOk);
  }
  std::vector<std::atomic<std::uint32_t>> owner(options.blocks);
  std::vector<std::atomic<std::uint64_t>> held(kTenants);
  std::atomic<int> faults{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<std::uint32_t>(t));
      const std::size_t tenant = t % kTenants;
      for (int round = 0; round < kRounds; ++round) {
        std::vector<BlockId> ids(1 + random() % 8);
        const Status status = pool->Alloc(tenants[tenant], ids);
        if (status == Status::kQuotaExceeded) continue;
        if (status != Status::kOk) {
          ++faults;
          continue;
        }
        if (held[tenant].fetch_add(ids.size()) + ids.size() > kQuota) ++faults;
        for (const BlockId id : ids) {
          if (owner[static_cast<std::size_t>(id)].exchange(static_cast<std::uint32_t>(t) + 1) !=
              0) {
            ++faults;
          }
        }
        if (round % 3 == 0) {
          std::vector<Hash128> hashes;
          for (std::size_t i = 0; i < ids.size(); ++i) hashes.push_back({random() % 64, i});
          std::size_t added = 0;
          if (pool->Cache(ids, hashes, tenants[tenant], &added) != Status::kOk) ++faults;
        }
        if (pool->Stats().held > options.blocks) ++faults;
        for (const BlockId id : ids) owner[static_cast<std::size_t>(id)] = 0;
        held[tenant].fetch_sub(ids.size());
        if (pool->Free(ids) != Status::kOk) ++faults;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(faults, 0);
  const char* what = "";
  EXPECT_EQ(pool->Verify(&what), Status::kOk) << what;
  EXPECT_EQ(pool->Stats().held, 0u);
}

}  // namespace
}  // namespace memwhy::govern
