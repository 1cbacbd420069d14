// SPDX-License-Identifier: Apache-2.0
//
// Simulated courses with noise: how often each is called by its name, over many seeds.
#include "analysis/growth_shape.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace memwhy::analysis {
namespace {

constexpr double kMib = 1 << 20;
constexpr int kRuns = 200;
constexpr int kCount = 60;

using Curve = std::function<double(double)>;  // of 0 .. 1, in MiB

// How many of the runs are called so.
int CountOf(GrowthShape shape, const Curve& curve, double noise_mib, int points = kCount) {
  std::map<std::string, int> counts;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937 random(static_cast<unsigned>(run));
    std::normal_distribution<double> noise(0, noise_mib);
    std::vector<ShapePoint> course;
    for (int i = 0; i < points; ++i) {
      const double part = static_cast<double>(i) / (points - 1);
      course.push_back({static_cast<double>(i), (curve(part) + noise(random)) * kMib});
    }
    ++counts[GrowthShapeName(ClassifyGrowth(course).shape)];
  }
  return counts[GrowthShapeName(shape)];
}

constexpr int kNearlyAll = kRuns * 95 / 100;

TEST(GrowthShapeTest, NoiseIsAPlateau) {
  for (const double noise : {0.0, 0.1, 1.0, 20.0}) {
    EXPECT_GE(CountOf(GrowthShape::kPlateau, [](double) { return 500; }, noise), kNearlyAll);
  }
}

TEST(GrowthShapeTest, AnEvenLeakIsLinear) {
  for (const double noise : {0.0, 0.5, 2.0}) {
    EXPECT_GE(CountOf(
                  GrowthShape::kLinear, [](double t) { return 500 + 60 * t; }, noise),
              kNearlyAll)
        << noise;
  }
  EXPECT_GE(
      CountOf(GrowthShape::kLinear, [](double t) { return 500 + 60 * t; }, 1, 300), kNearlyAll);
}

TEST(GrowthShapeTest, OneLoadedModelIsAStep) {
  for (const double at : {0.2, 0.5, 0.8}) {
    for (const double noise : {0.0, 0.5, 2.0}) {
      EXPECT_GE(CountOf(
                    GrowthShape::kStep, [=](double t) { return t < at ? 200 : 400; }, noise),
                kNearlyAll)
          << at << " " << noise;
    }
  }
}

TEST(GrowthShapeTest, AWarmUpSaturates) {
  for (const double tau : {0.1, 0.2}) {
    for (const double noise : {0.0, 0.5, 1.0}) {
      EXPECT_GE(CountOf(
                    GrowthShape::kSaturating,
                    [=](double t) { return 200 + 100 * (1 - std::exp(-t / tau)); }, noise),
                kNearlyAll)
          << tau << " " << noise;
    }
  }
}

TEST(GrowthShapeTest, GarbageThatIsCollectedIsASawtooth) {
  for (const double period : {0.1, 0.2, 0.33}) {
    for (const double noise : {0.0, 0.5, 2.0}) {
      EXPECT_GE(CountOf(
                    GrowthShape::kSawtooth,
                    [=](double t) { return 200 + 80 * (std::fmod(t, period) / period); }, noise),
                kNearlyAll)
          << period << " " << noise;
    }
  }
}

TEST(GrowthShapeTest, ASawtoothWhoseFloorRisesIsARatchet) {
  for (const double noise : {0.0, 0.5, 1.0}) {
    const auto curve = [](double t) { return 200 + 80 * t + 60 * (std::fmod(t, 0.15) / 0.15); };
    EXPECT_GE(CountOf(GrowthShape::kRatchet, curve, noise), kNearlyAll) << noise;
  }
}

TEST(GrowthShapeTest, StairsAreARatchet) {
  for (const double noise : {0.0, 0.5, 1.0}) {
    const auto curve = [](double t) { return 200 + 40 * std::floor(t * 5); };
    EXPECT_GE(CountOf(GrowthShape::kRatchet, curve, noise), kNearlyAll) << noise;
  }
}

TEST(GrowthShapeTest, WhatIsFreedFalls) {
  EXPECT_GE(
      CountOf(GrowthShape::kFalling, [](double t) { return 500 - 100 * t; }, 0.5), kNearlyAll);
}

TEST(GrowthShapeTest, NothingThatEndsIsCalledLinear) {
  // The accusation that must not be made.
  EXPECT_EQ(CountOf(GrowthShape::kLinear, [](double) { return 500; }, 5), 0);
  EXPECT_LE(
      CountOf(
          GrowthShape::kLinear, [](double t) { return 200 + 100 * (1 - std::exp(-t / 0.15)); }, 1),
      kRuns / 100);
  EXPECT_EQ(CountOf(GrowthShape::kLinear, [](double t) { return t < 0.5 ? 200 : 300; }, 1), 0);
}

TEST(GrowthShapeTest, FewPointsSayNothing) {
  std::vector<ShapePoint> few;
  EXPECT_EQ(ClassifyGrowth(few).shape, GrowthShape::kUnknown);
  for (int i = 0; i < 7; ++i) few.push_back({static_cast<double>(i), i * kMib});
  EXPECT_EQ(ClassifyGrowth(few).shape, GrowthShape::kUnknown);
}

TEST(GrowthShapeTest, OnlyWhatGoesOnReachesALimit) {
  std::vector<ShapePoint> line;
  for (int i = 0; i < 60; ++i) line.push_back({static_cast<double>(i), (100.0 + i) * kMib});
  const GrowthCourse course = ClassifyGrowth(line);
  ASSERT_EQ(course.shape, GrowthShape::kLinear);
  EXPECT_NEAR(course.bytes_per_second, kMib, 1);
  EXPECT_GT(course.confidence, 0.9);
  EXPECT_NEAR(*SecondsToLimit(course, 160 * kMib, Bytes{260} << 20), 100, 0.1);
  EXPECT_FALSE(SecondsToLimit({GrowthShape::kSaturating, 1, 1e6, 0}, 0, 1 << 30));
}

}  // namespace
}  // namespace memwhy::analysis
