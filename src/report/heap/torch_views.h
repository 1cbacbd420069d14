// SPDX-License-Identifier: Apache-2.0
//
// What memwhy tensors and memwhy heap autograd print: memwhy.tensors/1, memwhy.heap.autograd/1, and
// text of 80 columns. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/heap/autograd_graphs.h"
#include "analysis/heap/tensor_rows.h"
#include "report/heap/heap_json.h"

namespace memwhy::report {

struct ShownTensors {
  const analysis::TensorTable* table = nullptr;
  std::vector<std::optional<ShownBirth>> births;  // by row; empty: no recording was asked
  bool has_recording = false;
  std::string by;  // "owner", "line", "dtype", "device"; "": single storages
  std::optional<std::size_t> top;
};

void WriteTensorsJson(const HeapDumpView& dump, const ShownTensors& shown, const Sink& sink);
std::string TensorsText(const HeapDumpView& dump, const ShownTensors& shown);

struct ShownAutograd {
  const analysis::AutogradForest* forest = nullptr;
  std::vector<std::optional<ShownBirth>> births;  // by graph, of its root
  std::optional<std::size_t> top;
};

void WriteAutogradJson(const HeapDumpView& dump, const ShownAutograd& shown, const Sink& sink);
std::string AutogradText(const HeapDumpView& dump, const ShownAutograd& shown);

}  // namespace memwhy::report
