// SPDX-License-Identifier: Apache-2.0
#include "analysis/heap/heap_growth.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

namespace memwhy::analysis {
namespace {

using model::TypeCensus;
using Series = std::vector<std::uint64_t>;

constexpr std::size_t kMaxGrowthSteps = 10;  // of a slice

bool Rises(const Series& series) {
  return series.size() > 1 &&
         std::adjacent_find(series.begin(), series.end(), std::greater_equal<>()) == series.end();
}

bool IsConstant(const Series& series) {
  return std::adjacent_find(series.begin(), series.end(), std::not_equal_to<>()) == series.end();
}

std::uint64_t Gain(const Series& series) {
  return series.back() > series.front() ? series.back() - series.front() : 0;
}

// A type or a kind of root; a class may be called as a root is.
using Name = std::pair<bool, std::string>;

// All series, with zeros where a census has none.
struct Table {
  explicit Table(std::span<const TypeCensus> censuses) {
    for (std::size_t i = 0; i < censuses.size(); ++i) {
      const TypeCensus& census = censuses[i];
      for (const TypeCensus::Type& type : census.types) {
        auto& [objects, bytes] = types[NameOf(type)];
        objects.resize(censuses.size());
        bytes.resize(censuses.size());
        objects[i] = type.objects;
        bytes[i] = type.bytes;
      }
      for (const TypeCensus::Pair& pair : census.pairs) {
        Series& series =
            pairs[{NameOf(census.types[pair.referrer]), NameOf(census.types[pair.referent])}];
        series.resize(censuses.size());
        series[i] = pair.references;
      }
    }
  }
  static Name NameOf(const TypeCensus::Type& type) { return {type.is_root, type.name}; }

  std::map<Name, std::pair<Series, Series>> types;  // objects, bytes
  std::map<std::pair<Name, Name>, Series> pairs;    // referrer, referent
};

// Where a slice goes on from `holder`; null: it is not known.
const Name* NextHolder(const Table& table, const std::vector<Name>& slice) {
  const Name& holder = slice.back();
  const Name* growing = nullptr;
  const Name* only = nullptr;
  std::uint64_t most = 0;
  std::size_t referrers = 0;
  for (const auto& [names, references] : table.pairs) {
    const auto& [referrer, referent] = names;
    if (referent != holder || referrer == holder) continue;
    if (references.back() != 0) {
      ++referrers;
      only = &referrer;
    }
    if (std::find(slice.begin(), slice.end(), referrer) != slice.end()) continue;
    if (Rises(references) && Gain(references) > most) {
      most = Gain(references);
      growing = &referrer;
    }
  }
  if (growing != nullptr) return growing;
  // The container itself: what holds it holds all of it, if there is but one such kind.
  const bool is_steady = IsConstant(table.types.at(holder).first);
  const bool is_new =
      only != nullptr && std::find(slice.begin(), slice.end(), *only) == slice.end();
  return is_steady && referrers == 1 && is_new ? only : nullptr;
}

std::vector<std::string> SliceOf(const Table& table, const HeapGrowth::Pair& top) {
  std::vector<Name> slice = {{false, top.referent}};
  if (top.referrer != top.referent) slice.emplace_back(top.is_from_root, top.referrer);
  while (slice.size() < kMaxGrowthSteps && !slice.back().first) {
    const Name* next = NextHolder(table, slice);
    if (next == nullptr) break;
    slice.push_back(*next);
  }
  std::vector<std::string> names;
  for (const Name& name : slice) names.push_back(name.second);
  return names;
}

}  // namespace

double GrowthScore(std::span<const std::uint64_t> series) {
  constexpr double kKept = 0.85;
  double score = 0;
  int growths = 0;
  for (std::size_t i = 1; i < series.size(); ++i) {
    const auto before = static_cast<double>(series[i - 1]);
    const auto after = static_cast<double>(series[i]);
    if (after > before) {
      ++growths;
      // What is new is as much as doubled.
      score += growths * (before > 0 ? after / before - 1 : 1);
    } else {
      growths = 0;
      if (after < before) score *= kKept;
    }
  }
  return score;
}

HeapGrowth FindTypeGrowth(std::span<const TypeCensus> censuses) {
  HeapGrowth growth;
  if (censuses.empty()) return growth;
  const Table table(censuses);
  for (const auto& [name, series] : table.types) {
    const auto& [objects, bytes] = series;
    if (name.first || name.second == model::kNoObjectName) continue;
    HeapGrowth::Type type;
    type.name = name.second;
    type.objects = objects;
    type.bytes = bytes;
    type.grows = Rises(objects) || Rises(bytes);
    type.grown_bytes = static_cast<std::int64_t>(bytes.back() - bytes.front());
    type.score = GrowthScore(bytes);
    growth.types.push_back(std::move(type));
  }
  for (const auto& [names, references] : table.pairs) {
    const auto& [objects, bytes] = table.types.at(names.second);
    HeapGrowth::Pair pair;
    pair.referrer = names.first.second;
    pair.referent = names.second.second;
    pair.is_from_root = names.first.first;
    pair.references = references;
    pair.grows = Rises(references);
    if (objects.back() != 0) {
      const double mean = static_cast<double>(bytes.back()) / static_cast<double>(objects.back());
      const double reached = static_cast<double>(Gain(references)) * mean;
      const std::uint64_t most = Gain(bytes);
      pair.about_bytes =
          reached < static_cast<double>(most) ? static_cast<std::uint64_t>(reached) : most;
    }
    pair.score = GrowthScore(references);
    growth.pairs.push_back(std::move(pair));
  }
  // Stable: equal ones stay in the order of their names.
  std::stable_sort(growth.types.begin(), growth.types.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.grows, a.grown_bytes) > std::tuple(b.grows, b.grown_bytes);
  });
  std::stable_sort(growth.pairs.begin(), growth.pairs.end(), [](const auto& a, const auto& b) {
    return std::tuple(a.grows, a.about_bytes, Gain(a.references)) >
           std::tuple(b.grows, b.about_bytes, Gain(b.references));
  });
  if (!growth.pairs.empty() && growth.pairs.front().grows) {
    growth.slice = SliceOf(table, growth.pairs.front());
  }
  return growth;
}

}  // namespace memwhy::analysis
