// SPDX-License-Identifier: Apache-2.0
//
// What the heap commands print on a terminal of 80 columns. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "report/heap/heap_json.h"

namespace memwhy::report {

// "1,234,567 objects, 120 MiB; clone, pause 10 ms", what devices have, and what is missing.
std::string HeapHeadText(const HeapDumpView& dump);
// Memory that devices have, beside memory of the process: a column of its own in a dump that has
// any.
class DeviceColumn {
 public:
  explicit DeviceColumn(const model::ObjectGraph& graph);
  // Behind a column of ten; "" without devices.
  std::string title() const;
  std::string Cell(std::uint64_t bytes) const;
  std::size_t width() const { return title().size(); }
  // " and 64.0 MiB on cuda:0" in a sentence; "" for none.
  std::string Beside(std::uint64_t bytes) const;

 private:
  std::string name_;  // of the only device, "devices" of several; "": there is none
};

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
