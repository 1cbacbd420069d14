// SPDX-License-Identifier: Apache-2.0
//
// Reference balance: objects with more references than all objects, frames and named roots account
// for. An extension that takes one reference too many and loses it looks exactly so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::analysis {

enum class ReferenceProof : std::uint8_t {
  kCertain,   // no edge explains it, and no word of scanned memory points there
  kScanned,   // all writable memory was scanned and holds no more pointers than the edges explain
  kPossible,  // some word points there that no edge explains, or memory was not scanned
  kHeld,      // words of libraries' data, or of native memory behind such or behind an object, for
              // all that no edge explains: C code has it, as it may
};
const char* ReferenceProofName(ReferenceProof proof);  // docs/formats/heap-documents.md

struct UnbalancedObject {
  model::ObjectGraph::Node node = 0;
  std::uint64_t references = 0;
  std::uint64_t explained = 0;
  std::int64_t surplus = 0;  // negative: more edges than references, an object given back too often
  ReferenceProof proof = ReferenceProof::kPossible;
  std::string held_by;  // what the first word lies in; with kHeld who has it; "" not known
};

struct ReferenceBalance {
  std::vector<UnbalancedObject> objects;  // by type, then address
  std::uint64_t checked = 0;              // objects with a reference count
  std::uint64_t held = 0;                 // of `objects`, those with proof `held`
  std::uint64_t noise = 0;                // of `objects`, those with proof `possible`
};

ReferenceBalance BalanceReferences(const model::ObjectGraph& graph);

}  // namespace memwhy::analysis
