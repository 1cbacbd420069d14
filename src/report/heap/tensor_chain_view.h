// SPDX-License-Identifier: Apache-2.0
//
// The chain of a tensor: text for 80 columns, and memwhy.heap.chain/1. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analysis/heap/tensor_chain.h"
#include "report/heap/heap_json.h"

namespace memwhy::report {

// What the living process says of the memory now; the dump does not have it.
struct MemoryNow {
  std::optional<std::uint64_t> usable;
  std::string home;  // "the main arena"; "" not known
  std::optional<std::uint64_t> pages;
  std::optional<std::uint64_t> resident;
  std::optional<std::uint64_t> swapped;
  std::string why_unknown;  // of what is nullopt
};

struct TensorChainView {
  const analysis::TensorChain& chain;
  std::string owner;  // path from a root; "" none
  const MemoryNow& now;
};

std::string TensorChainText(const HeapDumpView& dump, const TensorChainView& view);
Json TensorChainJson(const HeapDumpView& dump, const TensorChainView& view);

}  // namespace memwhy::report
