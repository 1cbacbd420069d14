// SPDX-License-Identifier: Apache-2.0
//
// Words of tensors as processes with torch 1.13 and 2.13 have them.
#include "probes/torch/tensor_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <numeric>
#include <vector>

namespace memwhy::probes {
namespace {

using Words = std::vector<std::uint64_t>;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kPointer = 0x7f3a5c0012e0;

class TensorLayoutTest : public testing::Test {
 protected:
  // Sizes from word `at` on; the device is a CPU without an index.
  Words Put(std::uint32_t at, const Words& sizes, std::uint64_t type, bool is_flag_first = false) {
    Words words(26, kPointer);
    words[at] = sizes.size();
    for (std::size_t i = 0; i < sizes.size() && i < 5; ++i) words[at + 1 + i] = sizes[i];
    words[at + 11] = 0;
    words[at + 12] = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{1},
                                     [](std::uint64_t a, std::uint64_t b) { return a * b; });
    words[at + 13] = type | (is_flag_first ? 0xff00010000 : 0x1ff000000);
    return words;
  }
  void Add(Words words, Words autograd = {}, Words sizes = {}, bool is_view = false) {
    for (Words* part : {&words, &autograd, &sizes}) kept_.push_back(std::move(*part));
    const std::size_t first = kept_.size() - 3;
    TensorRecord record;
    record.words = kept_[first];
    record.autograd = kept_[first + 1];
    record.sizes = kept_[first + 2];
    record.device = 0;
    record.is_view = is_view;
    tensors_.push_back(record);
  }
  // Flags in word `at`, a mutex behind them that nobody holds.
  static Words Autograd(std::uint32_t at, std::uint64_t flags) {
    Words words(24, 0);
    for (std::uint32_t i = 0; i < 3; ++i) words[i] = kPointer;
    words[at] = flags;
    return words;
  }

  std::deque<Words> kept_;
  std::vector<TensorRecord> tensors_;
};

TEST_F(TensorLayoutTest, IsFoundWhereverTheSizesAre) {
  for (const std::uint32_t at : {7u, 8u}) {
    for (const bool is_flag_first : {false, true}) {
      tensors_.clear();
      Add(Put(at, {3, 4}, 6, is_flag_first));
      Add(Put(at, {}, 4, is_flag_first));
      Add(Put(at, {0, 7}, 15, is_flag_first));
      const auto layout = LearnTensorLayout(tensors_);
      ASSERT_TRUE(layout);
      EXPECT_EQ(layout->sizes_at, at);
      const auto first = ReadTensorFacts(*layout, tensors_[0]);
      ASSERT_TRUE(first);
      EXPECT_THAT(first->shape, ElementsAre(3, 4));
      EXPECT_EQ(first->dtype, "float32");
      EXPECT_EQ(first->elements, 12u);
      const auto scalar = ReadTensorFacts(*layout, tensors_[1]);
      ASSERT_TRUE(scalar);
      EXPECT_THAT(scalar->shape, IsEmpty());
      EXPECT_EQ(scalar->dtype, "int64");
      const auto empty = ReadTensorFacts(*layout, tensors_[2]);
      ASSERT_TRUE(empty);
      EXPECT_THAT(empty->shape, ElementsAre(0, 7));
      EXPECT_EQ(empty->dtype, "bfloat16");
    }
  }
}

TEST_F(TensorLayoutTest, SixDimensionsLieElsewhere) {
  const Words sizes = {2, 3, 2, 2, 3, 2};
  Add(Put(7, {5}, 6));
  Add(Put(7, sizes, 6), {}, sizes);
  const auto layout = LearnTensorLayout(tensors_);
  ASSERT_TRUE(layout);
  const auto facts = ReadTensorFacts(*layout, tensors_[1]);
  ASSERT_TRUE(facts);
  EXPECT_THAT(facts->shape, ElementsAre(2, 3, 2, 2, 3, 2));
}

TEST_F(TensorLayoutTest, WhatFitsNowhereIsNotKnown) {
  Add(Words(26, kPointer));
  EXPECT_FALSE(LearnTensorLayout(tensors_));
  tensors_.clear();
  Add({});
  EXPECT_FALSE(LearnTensorLayout(tensors_));
  EXPECT_FALSE(LearnTensorLayout({}));
}

TEST_F(TensorLayoutTest, FewThatSayNothingDoNotHideTheOthers) {
  for (int i = 0; i < 99; ++i) Add(Put(7, {10}, 6));
  Add(Words(26, kPointer));
  const auto layout = LearnTensorLayout(tensors_);
  ASSERT_TRUE(layout);
  EXPECT_FALSE(ReadTensorFacts(*layout, tensors_[99]));
  for (int i = 0; i < 9; ++i) Add(Words(26, kPointer));
  EXPECT_FALSE(LearnTensorLayout(tensors_));
}

TEST_F(TensorLayoutTest, AnotherDeviceThanItsStoragesDoesNotFit) {
  Words words = Put(7, {10}, 6);
  words[7 + 13] = 6 | 0x101010000;  // cuda
  Add(words);
  EXPECT_FALSE(LearnTensorLayout(tensors_));
}

TEST_F(TensorLayoutTest, FlagsAreWhereEveryTensorsFit) {
  constexpr std::uint64_t kRequired = 1;
  constexpr std::uint64_t kView = 1 << 16;
  Add(Put(7, {10}, 6), Autograd(17, kRequired));
  Add(Put(7, {10}, 6), Autograd(17, kView | std::uint64_t{3} << 32), {}, true);
  Add(Put(7, {10}, 6), Autograd(17, 0));
  Add(Put(7, {10}, 6));
  const auto layout = LearnTensorLayout(tensors_);
  ASSERT_TRUE(layout);
  ASSERT_EQ(layout->flags_at, 17u);
  EXPECT_EQ(ReadRequiresGrad(*layout, tensors_[0]), true);
  EXPECT_EQ(ReadRequiresGrad(*layout, tensors_[1]), false);
  EXPECT_EQ(ReadRequiresGrad(*layout, tensors_[2]), false);
  EXPECT_EQ(ReadRequiresGrad(*layout, tensors_[3]), false);
}

TEST_F(TensorLayoutTest, FlagsThatNothingShowsAreNotKnown) {
  Add(Put(7, {10}, 6), Autograd(17, 0));
  const auto layout = LearnTensorLayout(tensors_);
  ASSERT_TRUE(layout);
  EXPECT_FALSE(layout->flags_at);
  EXPECT_EQ(ReadRequiresGrad(*layout, tensors_[0]), std::nullopt);
}

TEST(ScalarTypeNameTest, NumbersThatAreNoTypeHaveNoName) {
  EXPECT_EQ(ScalarTypeName(11), "bool");
  EXPECT_EQ(ScalarTypeName(45), "float4_e2m1fn_x2");
  EXPECT_FALSE(ScalarTypeName(46));
}

}  // namespace
}  // namespace memwhy::probes
