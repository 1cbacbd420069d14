// SPDX-License-Identifier: Apache-2.0
//
// memwhy.heap.growth/1, and its text for 80 columns. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/heap/heap_growth.h"
#include "report/views/stats_json.h"

namespace memwhy::report {

struct HeapGrowthView {
  struct Round {
    double at = 0;  // seconds since the first one
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    std::uint64_t skipped = 0;
    std::string method;  // "clone" or "in_place"
    double predicted_ms = 0;
    double pause_ms = 0;
    double seconds = 0;           // until the last byte
    std::uint64_t raw_bytes = 0;  // that the process sent
  };
  std::int64_t pid = 0;
  double every_seconds = 0;
  std::size_t planned = 0;          // rounds
  std::string stopped;              // why there are fewer rounds than planned; "" there are not
  bool has_ended = false;           // the process
  std::vector<Round> rounds;        // at least one
  std::optional<std::string> dump;  // path of the dump that was written in the end
  std::string no_dump;              // why one that was asked for is not there
  analysis::HeapGrowth growth;
};

bool Grows(const analysis::HeapGrowth& growth);

void WriteHeapGrowthJson(const HeapGrowthView& view, std::size_t top, const Sink& sink);
std::string HeapGrowthText(const HeapGrowthView& view, std::size_t top);

}  // namespace memwhy::report
