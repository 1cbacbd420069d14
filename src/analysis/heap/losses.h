// SPDX-License-Identifier: Apache-2.0
//
// Objects of a heap dump that nothing with a name holds, by the reason why they are still there:
// cycles that wait for the collector or that it will never free, and references that C code took
// and nobody has any more. What hangs below such an object is lost with it. Objects with the same
// reason and the same types are one loss. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "analysis/heap/heap_cycles.h"
#include "analysis/heap/heap_references.h"
#include "analysis/heap/holder_tree.h"
#include "model/heap/object_graph.h"

namespace memwhy::analysis {

enum class LossKind : std::uint8_t {
  kReference,  // more references than anybody has
  kCycle       // the members hold each other
};

struct Loss {
  LossKind kind = LossKind::kCycle;
  // kReference: of the objects whose references are lost. kCycle: of the member that says most, a
  // class of the application or of a library before those of the interpreter.
  std::string type;
  std::vector<std::string> types;  // kCycle: of all members, what says most first
  std::string closed_by;  // kCycle with kNative: the type that the collector cannot see into
  CycleWhy why = CycleWhy::kThreshold;               // kCycle
  ReferenceProof proof = ReferenceProof::kPossible;  // kReference: of most of them
  std::uint64_t count = 0;                           // cycles, or objects with lost references
  std::uint64_t references = 0;                      // kReference: lost ones
  std::uint64_t bytes = 0;                           // of them and all below
};

class Losses {
 public:
  using Node = model::ObjectGraph::Node;
  static constexpr std::uint32_t kNone = 0xffffffff;

  // `tree` is of this graph. O(nodes + edges); both may end after the constructor.
  explicit Losses(const HolderTree& tree);

  const std::vector<Loss>& all() const { return losses_; }
  // Which loss a node belongs to, an index of all(); kNone: somebody holds it, or nobody knows.
  std::uint32_t Of(Node node) const { return of_.empty() ? kNone : of_[node]; }

 private:
  void AddReferences(const HolderTree& tree);
  void AddCycles(const model::ObjectGraph& graph);
  std::uint32_t Number(const std::string& key, const Loss& loss);

  std::vector<Loss> losses_;
  std::map<std::string, std::uint32_t> keys_;
  std::vector<std::uint32_t> of_;  // by node
};

// The same losses in another dump of the process: how many there are of `like`, by what the dump
// itself says. Needs no tree.
class LossCounts {
 public:
  explicit LossCounts(const model::ObjectGraph& graph);
  std::uint64_t CountOf(const Loss& like) const;

 private:
  std::map<std::string, std::uint64_t> counts_;  // by key
};

}  // namespace memwhy::analysis
