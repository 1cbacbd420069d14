// SPDX-License-Identifier: Apache-2.0
//
// One heap dump of this process: predicts what it costs, refuses beyond the limits, then writes the
// stream (wire/heap_dump.h) from a clone, or in place with the GIL held where a clone is refused or
// would cost more.
#pragma once

#include <cstdint>

#include "agent/dump/dump_prediction.h"

namespace memwhy::agent {

struct HeapDumpOptions {
  const char* output_path = nullptr;   // a FIFO with a reader, or a regular file to be made
  const char* scan_path = nullptr;     // where questions will be (wire::DumpStage); null: no scan
  bool has_blocks = false;             // the live native blocks lie beside the output
  std::uint64_t limit_ns = 0;          // refuse a longer predicted pause; 0: no limit
  std::uint64_t clone_ns_per_mib = 0;  // as measured on this machine just now; 0: a usual value
  std::uint64_t headroom_bytes = 0;    // what the memory cgroup has left; 0: no limit
  bool in_place = false;               // asked for
  bool is_census = false;              // only sums by type and by pair of types are written
  bool may_split = false;              // two processors may be busy with it at once
  std::uint64_t gil_wait_ns = 0;       // how long a thread waits for the GIL without a dump
};

struct HeapDumpResult {
  const char* error = nullptr;  // why there is no dump; null: it was written
  DumpMethod method = DumpMethod::kNone;
  std::uint64_t predicted_ns = 0;     // also told in the ring before it begins
  std::uint64_t predicted_bytes = 0;  // likewise
  std::uint64_t pause_ns = 0;         // the GIL was held that long
  std::uint64_t spared_bytes = 0;     // of pinned memory, which the clone had no copy of
  std::uint32_t lanes = 1;            // processes that wrote it
  std::uint64_t taken_ns = 0;         // CLOCK_MONOTONIC of the moment that the dump shows
};

// Called by the thread that serves a request, without the GIL. Returns when the stream is whole or
// has failed. Nothing of the target stays changed; while the clone lives the automatic collection
// is held, so that it does not copy the heap.
HeapDumpResult WriteHeapDump(const HeapDumpOptions& options) noexcept;

}  // namespace memwhy::agent
