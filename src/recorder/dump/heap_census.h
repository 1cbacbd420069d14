// SPDX-License-Identifier: Apache-2.0
//
// Counts the objects of a live process that has our agent, by type, and their references, by pair
// of types. The clone that a heap dump makes counts, too, and sends only the sums: nothing is
// written to disk, and memory here is that of the sums.
#pragma once

#include "base/file_system.h"
#include "base/result.h"
#include "model/heap/type_census.h"
#include "recorder/dump/heap_dump.h"

namespace memwhy::recorder {

struct HeapCensus {
  HeapDumpOutcome outcome;
  model::TypeCensus census;
};

// Of `options` the process, the limit of the pause and in_place. Waits for the end.
Result<HeapCensus> TakeHeapCensus(const FileSystem& fs, const HeapDumpOptions& options,
                                  const OnPrediction& on_prediction = {});

}  // namespace memwhy::recorder
