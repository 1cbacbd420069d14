// SPDX-License-Identifier: Apache-2.0
//
// Walks the objects of this process in place, under the GIL, and writes who reaches whom.
#pragma once

#include <cstdint>

namespace memwhy::agent {

struct HeapGraphResult {
  const char* error = nullptr;        // why nothing was written; null: done
  std::uint64_t predicted_ns = 0;     // also told in the ring before the walk begins
  std::uint64_t predicted_bytes = 0;  // likewise
  std::uint64_t pause_ns = 0;         // the GIL was held that long
};

// `blocks_path`: a sorted array of {u64 address, u64 size}, the live native blocks as the recorder
// knows them; may be empty. Refuses when the predicted pause is beyond `limit_ns` (0: no limit).
// With `takes_gil` the GIL is taken for the walk only, not for what comes before and after; else
// the caller holds it. Nothing of the target changes. Allocates: own mappings, given back.
HeapGraphResult WriteHeapGraph(const char* blocks_path, const char* output_path,
                               std::uint64_t limit_ns, bool takes_gil) noexcept;

}  // namespace memwhy::agent
