// SPDX-License-Identifier: Apache-2.0
//
// What an operation of a pool takes in C++: CPU time of this thread, the best of many rounds.
// Prints lines "NAME NANOSECONDS", which run.py reads.
#include <fmt/core.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "govern/kv/block_pool.h"

namespace memwhy::govern {
namespace {

constexpr int kRounds = 200;

double NowNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The least time that `act` takes in `rounds` rounds, for each of `units`.
template <typename Act>
void Print(const char* name, int rounds, double units, Act act) {
  double best = 1e18;
  for (int round = 0; round < rounds; ++round) {
    const double began = NowNs();
    act();
    best = std::min(best, (NowNs() - began) / units);
  }
  fmt::print("{} {:.2f}\n", name, best);
}

void Check(Status status) {
  if (status == Status::kOk) return;
  fmt::print(stderr, "pool_times: {}\n", StatusName(status));
  std::exit(1);
}

std::unique_ptr<BlockPool> Made(std::uint64_t blocks) {
  PoolOptions options;
  options.blocks = blocks;
  std::unique_ptr<BlockPool> pool;
  Check(BlockPool::Create(options, &pool));
  return pool;
}

std::vector<Hash128> Hashes(std::size_t count, std::uint64_t seed) {
  std::vector<Hash128> hashes(count);
  for (std::size_t i = 0; i < count; ++i) {
    hashes[i] = {(seed + i) * 0x9e3779b97f4a7c15, (seed + i) * 0xd6e8feb86659fd93};
  }
  return hashes;
}

void AllocAndFree(const char* name, std::size_t count) {
  const auto pool = Made(100'000);
  std::vector<BlockId> ids(count);
  const int repeats = static_cast<int>(20'000 / count);
  Print(name, kRounds, static_cast<double>(repeats) * static_cast<double>(count), [&] {
    for (int i = 0; i < repeats; ++i) {
      Check(pool->Alloc(kDefaultTenant, ids));
      Check(pool->Free(ids));
    }
  });
}

// Every block is cached; each round takes 1,000 blocks, all by eviction, caches and frees them.
// Only the taking is timed. The blocks were released in random order, as after hours of service.
void Evict() {
  constexpr std::size_t kBlocks = 100'000;
  constexpr std::size_t kPart = 1'000;
  const auto pool = Made(kBlocks);
  std::vector<BlockId> ids(kBlocks);
  Check(pool->Alloc(kDefaultTenant, ids));
  std::size_t added = 0;
  Check(pool->Cache(ids, Hashes(kBlocks, 1), kDefaultTenant, &added));
  std::uint64_t random = 88172645463325252;
  for (std::size_t i = kBlocks - 1; i > 0; --i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    std::swap(ids[i], ids[random % (i + 1)]);
  }
  Check(pool->Free(ids));
  std::vector<double> times;
  std::vector<BlockId> part(kPart);
  for (std::uint64_t round = 0; round < 300; ++round) {
    const double began = NowNs();
    Check(pool->Alloc(kDefaultTenant, part));
    times.push_back((NowNs() - began) / kPart);
    Check(pool->Cache(part, Hashes(kPart, 1'000'000 + round * kPart), kDefaultTenant, &added));
    Check(pool->Free(part));
  }
  std::sort(times.begin(), times.end());
  fmt::print("evict_best {:.2f}\nevict_median {:.2f}\n", times.front(), times[times.size() / 2]);
}

void Match() {
  constexpr std::size_t kPrefix = 100;
  constexpr std::size_t kPrefixes = 900;
  const auto pool = Made(100'000);
  std::vector<std::vector<Hash128>> prefixes;
  std::vector<BlockId> ids(kPrefix);
  for (std::size_t i = 0; i < kPrefixes; ++i) {
    prefixes.push_back(Hashes(kPrefix, i * kPrefix));
    std::size_t added = 0;
    Check(pool->Alloc(kDefaultTenant, ids));
    Check(pool->Cache(ids, prefixes.back(), kDefaultTenant, &added));
    Check(pool->Free(ids));
  }
  std::size_t found = 0;
  Print("match_100", 20, kPrefixes, [&] {
    for (const auto& prefix : prefixes) {
      Check(pool->MatchPrefix(prefix, kDefaultTenant, ids, &found, false));
      if (found != kPrefix) Check(Status::kCorrupt);
    }
  });
}

void Quota() {
  const auto pool = Made(1000);
  TenantLimits limits;
  limits.name = "tenant";
  limits.quota_blocks = 100;
  TenantId tenant = 0;
  Check(pool->AddTenant(limits, &tenant));
  Print("quota_check", kRounds, 10'000, [&] {
    for (int i = 0; i < 10'000; ++i) Check(pool->CanAlloc(tenant, 10));
  });
}

void HashBlocks() {
  const auto pool = Made(10);
  const std::vector<std::uint32_t> tokens(16, 7);
  Hash128 chain;
  Print("hash_16_tokens", kRounds, 1000, [&] {
    for (int i = 0; i < 1000; ++i) chain = pool->HashTokens(kDefaultTenant, chain, tokens);
  });
  if (chain == Hash128{}) Check(Status::kCorrupt);
}

}  // namespace
}  // namespace memwhy::govern

int main() {
  using namespace memwhy::govern;
  AllocAndFree("alloc_free_1", 1);
  AllocAndFree("alloc_free_100", 100);
  AllocAndFree("alloc_free_1000", 1000);
  Evict();
  Match();
  Quota();
  HashBlocks();
  Print("create_10240", 50, 1, [] { Made(10240); });
  return 0;
}
