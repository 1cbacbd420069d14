// SPDX-License-Identifier: Apache-2.0
//
// Several censuses of one process, one after the other: which types grow, which kind of object
// holds which, and through what the largest growth is held. Invariant: what grows was more in every
// census than in the one before, so what a cache or memwhy itself adds once is never called
// growing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/heap/type_census.h"

namespace memwhy::analysis {

struct HeapGrowth {
  struct Type {
    std::string name;
    std::vector<std::uint64_t> objects;  // by census
    std::vector<std::uint64_t> bytes;
    bool grows = false;  // in objects or in bytes
    std::int64_t grown_bytes = 0;
    double score = 0;  // of the bytes
  };
  struct Pair {
    std::string referrer;
    std::string referent;
    bool is_from_root = false;              // the referrer is a kind of root
    std::vector<std::uint64_t> references;  // by census
    bool grows = false;
    // What the new references lead to, by the mean object of that type; at most what the type has
    // grown by: many references may lead to one object.
    std::uint64_t about_bytes = 0;
    double score = 0;  // of the references
  };
  // Those that grow first, by bytes; then the others, likewise.
  std::vector<Type> types;
  std::vector<Pair> pairs;
  // How the first growing pair is held: the type that grows, what refers to it, what refers to
  // that, as far as it is known. Empty: no pair grows.
  std::vector<std::string> slice;
};

HeapGrowth FindTypeGrowth(std::span<const model::TypeCensus> censuses);

// How steadily and how fast a series grows: for each growth its share of what was there, times how
// many growths came one after the other; what was gathered loses 15 % where the series shrinks. It
// ranks; it has no unit. After M. Jump, K. S. McKinley: Cork: Dynamic Memory Leak Detection for
// Garbage-Collected Languages, POPL 2007.
double GrowthScore(std::span<const std::uint64_t> series);

}  // namespace memwhy::analysis
