// SPDX-License-Identifier: Apache-2.0
//
// What the heap commands print on a terminal of 80 columns. Pure.
#pragma once

#include <span>
#include <string>

#include "report/heap_json.h"

namespace memwhy::report {

// "1,234,567 objects, 120 MiB; clone, pause 10 ms" and what is missing.
std::string HeapHeadText(const HeapDumpView& dump);
std::string HeapTypesText(const HeapDumpView& dump, std::span<const analysis::TypeRow> rows,
                          std::size_t top);
std::string HeapRetainedText(const HeapDumpView& dump,
                             std::span<const model::ObjectGraph::Node> nodes,
                             const analysis::HeapSizes& sizes, const analysis::HeapPaths& paths);
std::string HeapPathText(const HeapDumpView& dump, std::span<const ShownPath> paths,
                         const analysis::HeapSizes& sizes, std::size_t of);
std::string HeapCyclesText(const HeapDumpView& dump, const analysis::Garbage& garbage,
                           std::size_t top);
std::string HeapRefsText(const HeapDumpView& dump, const analysis::ReferenceBalance& balance,
                         std::size_t top);
std::string HeapDiffText(const HeapDumpView& a, const HeapDumpView& b,
                         std::span<const analysis::TypeChange> changes, std::size_t top);

}  // namespace memwhy::report
