// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace memwhy {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return Error::Of("{} is odd", value);
  return value / 2;
}

Result<std::string> Quarter(int value) {
  MEMWHY_TRY(const int half, Half(value));
  MEMWHY_TRY(const int quarter, Half(half));
  return std::to_string(quarter);
}

Result<void> MustBeEven(int value) {
  MEMWHY_TRY_VOID(value % 2 == 0 ? Result<void>() : Result<void>(Error("odd")));
  return {};
}

TEST(ResultTest, CarriesValueOrError) {
  EXPECT_EQ(*Half(4), 2);
  EXPECT_FALSE(Half(3));
  EXPECT_EQ(Half(3).error().message(), "3 is odd");
  EXPECT_EQ(Half(3).value_or(7), 7);
}

TEST(ResultTest, ErrorGainsContextInFront) {
  EXPECT_EQ(Half(3).error().With("half of {}", 3).message(), "half of 3: 3 is odd");
  EXPECT_EQ(Error::FromErrno(ENOENT, "open x").message(), "open x: No such file or directory");
}

TEST(ResultTest, TryReturnsTheFirstError) {
  EXPECT_EQ(*Quarter(8), "2");
  EXPECT_EQ(Quarter(6).error().message(), "3 is odd");
  EXPECT_TRUE(MustBeEven(2));
  EXPECT_EQ(MustBeEven(1).error().message(), "odd");
}

TEST(ResultTest, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 3);
}

TEST(ResultDeathTest, ValueOfAnErrorStopsTheProgram) {
  EXPECT_DEATH(static_cast<void>(Half(3).value()), "3 is odd");
}

}  // namespace
}  // namespace memwhy
