// SPDX-License-Identifier: Apache-2.0
#include "model/ledger/claims.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace memwhy::model {
namespace {

ClaimList RandomClaims(std::mt19937& random, ClaimKind kind) {
  ClaimList claims;
  const std::size_t count = random() % 20;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t begin = random() % 300;
    claims.push_back({begin, begin + random() % 40, kind, false, i});
  }
  return Disjoint(std::move(claims));
}

// Byte -> who owns it.
std::map<std::uint64_t, std::pair<ClaimKind, std::uint32_t>> Paint(const ClaimList& claims) {
  std::map<std::uint64_t, std::pair<ClaimKind, std::uint32_t>> painted;
  std::uint64_t last_end = 0;
  for (const Claim& claim : claims) {
    EXPECT_LE(last_end, claim.begin);
    EXPECT_LT(claim.begin, claim.end);
    last_end = claim.end;
    for (std::uint64_t at = claim.begin; at < claim.end; ++at) {
      painted[at] = {claim.kind, claim.of};
    }
  }
  return painted;
}

TEST(ClaimsTest, OverlapIsKeptByTheFirst) {
  const ClaimList claims = Disjoint({{10, 20, ClaimKind::kMallocChunk, true, 1},
                                     {15, 30, ClaimKind::kMallocChunk, true, 2},
                                     {16, 18, ClaimKind::kMallocChunk, true, 3},
                                     {40, 40, ClaimKind::kMallocChunk, true, 4}});
  ASSERT_EQ(claims.size(), 2u);
  EXPECT_EQ(claims[1].begin, 20u);
  EXPECT_EQ(claims[1].of, 2u);
}

TEST(ClaimsTest, OverlayAgreesWithPaintingByteByByte) {
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    const ClaimList inner = RandomClaims(random, ClaimKind::kMallocChunk);
    const ClaimList outer = RandomClaims(random, ClaimKind::kMallocHeap);
    auto expected = Paint(outer);
    for (const auto& [at, owner] : Paint(inner)) expected[at] = owner;
    ASSERT_EQ(Paint(Overlay(inner, outer)), expected) << "round " << round;
  }
}

TEST(ResidencyTest, AgreesWithCountingBytes) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<Range> runs;
    std::vector<bool> resident(400);
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t begin = random() % 300;
      const std::uint64_t end = begin + random() % 50;
      runs.push_back({begin, end});
      for (std::uint64_t at = begin; at < end; ++at) resident[at] = true;
    }
    const Residency residency(runs);
    const std::uint64_t from = random() % 400;
    const std::uint64_t to = random() % 400;
    Bytes expected = 0;
    for (std::uint64_t at = from; at < to; ++at) expected += resident[at] ? 1 : 0;
    EXPECT_EQ(residency.BytesIn(from, to), expected);
  }
}

}  // namespace
}  // namespace memwhy::model
