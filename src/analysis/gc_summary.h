// SPDX-License-Identifier: Apache-2.0
//
// What a gc log amounts to: sums by generation, the types that were found most, and notes on what
// is unusual, each with its numbers and what to try. A note states a fact of the text or says that
// it suspects. Deterministic, pure; what the text does not say stays unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/gc_log.h"

namespace memwhy::analysis {

struct GcSum {
  std::optional<std::uint8_t> generation;  // nullopt: not told, and in the sum of all
  std::uint64_t collections = 0;
  std::uint64_t without_end = 0;  // their results are unknown and in no other field
  std::uint64_t collected = 0;
  std::uint64_t uncollectable = 0;
  std::uint64_t timed = 0;  // collections that say their time
  double seconds = 0;
  double longest_seconds = 0;
};

struct GcNote {
  std::string id;    // uncollectable, save_all, incremental, pause_share, long_pause, never_full,
                     // finds_nothing, interleaved, unparsed
  std::string text;  // sentences, without an end of line
};

struct GcSummary {
  std::vector<GcSum> by_generation;  // those that there are, the unknown one last
  GcSum all;
  std::vector<model::GcType> types;  // most objects first
  // Objects before the first and the last full collection of the writer with most of them.
  std::optional<std::uint64_t> objects_first;
  std::optional<std::uint64_t> objects_last;
  // Between the first and the last gc line, summed over the writers; nullopt without their times.
  std::optional<double> covered_seconds;
  std::vector<GcNote> notes;  // most important first
};

// Collections of the interpreter's exit are left out of all of it.
GcSummary SummarizeGcLog(const model::GcLog& log);

}  // namespace memwhy::analysis
