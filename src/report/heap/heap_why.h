// SPDX-License-Identifier: Apache-2.0
//
// memwhy.heap.why/1, memwhy.heap.trend/1, memwhy.heap.query/1 and their texts for 80 columns.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "analysis/heap/heap_clusters.h"
#include "analysis/heap/heap_trend.h"
#include "report/heap/heap_json.h"

namespace memwhy::report {

struct HeapWhyView {
  std::string type;
  std::uint64_t objects = 0;  // of the type, all
  const analysis::HeapClusters* clusters = nullptr;
  const analysis::HeapSizes* sizes = nullptr;
  const analysis::HeapPaths* paths = nullptr;
};
void WriteHeapWhyJson(const HeapDumpView& dump, const HeapWhyView& why, std::size_t top,
                      const Sink& sink);
std::string HeapWhyText(const HeapDumpView& dump, const HeapWhyView& why, std::size_t top);

void WriteHeapTrendJson(std::span<const HeapDumpView> dumps,
                        std::span<const analysis::TypeTrend> types, std::size_t top,
                        const Sink& sink);
std::string HeapTrendText(std::span<const HeapDumpView> dumps,
                          std::span<const analysis::TypeTrend> types, std::size_t top);

void WriteHeapQueryJson(const HeapDumpView& dump, std::span<const model::ObjectGraph::Node> nodes,
                        std::uint64_t matches, const analysis::HeapSizes& sizes, const Sink& sink);
std::string HeapQueryText(const HeapDumpView& dump, std::span<const model::ObjectGraph::Node> nodes,
                          std::uint64_t matches, const analysis::HeapSizes& sizes);

}  // namespace memwhy::report
