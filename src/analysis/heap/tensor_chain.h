// SPDX-License-Identifier: Apache-2.0
//
// From a tensor to its memory, link by link, and who refers to each: what a link waits for before
// it lets the next one go.
//
//   Python object -> TensorImpl -> StorageImpl -> memory
//
// Pure, of one heap dump.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"
#include "model/heap/torch_facts.h"

namespace memwhy::analysis {

enum class ChainLinkKind : std::uint8_t { kPython, kTensor, kStorage, kMemory };

struct ChainReferrer {
  std::uint64_t address = 0;  // 0: a root
  std::string name;           // a path from a root where there is one, else a type or class
  std::string label;          // ".grad_fn", "saved"; "" not named
  bool is_native = false;     // of C++: Python's collector does not see it
};

struct ChainLink {
  ChainLinkKind kind = ChainLinkKind::kPython;
  model::ObjectGraph::Node node = model::ObjectGraph::kNone;
  std::uint64_t address = 0;
  std::string what;  // "torch.nn.Parameter", "float32 [500, 64], version 3, leaf"
  std::uint64_t referrer_count = 0;
  std::vector<ChainReferrer> referrers;     // at most kMaxReferrers, paths first
  std::optional<std::uint64_t> references;  // counted by Python; of its object only
  std::string waits_for;
};

struct TensorChain {
  static constexpr std::size_t kMaxReferrers = 8;
  std::vector<ChainLink> links;  // from Python to memory; those that there are
  std::string device;
  std::uint64_t data = 0;  // 0: no memory
  std::uint64_t bytes = 0;
  bool is_owned = true;  // false: the memory is lent, as by numpy
};

// `address`: of the Python object, the TensorImpl, the StorageImpl or the memory. nullopt: of none.
std::optional<TensorChain> FindTensorChain(const model::ObjectGraph& graph,
                                           const model::TorchFacts& facts, const HeapPaths& paths,
                                           std::uint64_t address);

}  // namespace memwhy::analysis
