// SPDX-License-Identifier: Apache-2.0
//
// The documents memwhy.heap.*/1 (shared vocabulary: docs/formats/common.md). Lists may have
// millions of entries, so they are written one by one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/heap/heap_cycles.h"
#include "analysis/heap/heap_diff.h"
#include "analysis/heap/heap_paths.h"
#include "analysis/heap/heap_references.h"
#include "analysis/heap/heap_sizes.h"
#include "model/frame.h"
#include "model/heap/object_graph.h"
#include "report/parts/session_json.h"
#include "report/views/stats_json.h"

namespace memwhy::report {

// A dump as it was opened: the graph, what its facts say, what is damaged.
struct HeapDumpView {
  const model::ObjectGraph* graph = nullptr;
  Json facts;
  std::uint64_t file_bytes = 0;
};

// The member "dump" of every document.
Json DumpFactsJson(const HeapDumpView& dump);
std::string AddressText(std::uint64_t address);  // "0x7f12..."

// {"kind", "name"} of the root of a path; null: it has none.
Json HeapRootJson(const model::ObjectGraph& graph, const analysis::HeapPath& path);

void WriteHeapTypesJson(const HeapDumpView& dump, std::span<const analysis::TypeRow> rows,
                        const Sink& sink);
void WriteHeapRetainedJson(const HeapDumpView& dump,
                           std::span<const model::ObjectGraph::Node> nodes,
                           const analysis::HeapSizes& sizes, const analysis::HeapPaths& paths,
                           const Sink& sink);
// Where the memory of an object was taken.
struct ShownBirth {
  double seconds = 0;               // of the recording
  bool is_known = true;             // false: the stack could not be read
  std::vector<model::Frame> stack;  // leaf first
};
// Its stack; null: not known.
Json BirthStackJson(const std::optional<ShownBirth>& birth);
struct ShownPath {
  model::ObjectGraph::Node node = 0;
  analysis::HeapPath path;
  std::optional<ShownBirth> birth;
};
void WriteHeapPathJson(const HeapDumpView& dump, std::span<const ShownPath> paths,
                       const analysis::HeapSizes& sizes, const Sink& sink);
void WriteHeapCyclesJson(const HeapDumpView& dump, const analysis::Garbage& garbage,
                         std::size_t top, const Sink& sink);
void WriteHeapRefsJson(const HeapDumpView& dump, const analysis::ReferenceBalance& balance,
                       std::size_t top, const Sink& sink);
void WriteHeapDiffJson(const HeapDumpView& a, const HeapDumpView& b,
                       std::span<const analysis::TypeChange> changes, const Sink& sink);

}  // namespace memwhy::report
