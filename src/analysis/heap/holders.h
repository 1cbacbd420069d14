// SPDX-License-Identifier: Apache-2.0
//
// Who holds what grows: survivors of a window joined to a heap graph of the live process.
// A holder is named only when most of the looked-up survivors hang below the same path (indexes and
// keys masked), so `agreeing / sampled` is its proof. Pure: model in, answer out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analysis/heap/losses.h"
#include "analysis/heap/retraced_argument.h"
#include "model/ids.h"

namespace memwhy::analysis {

// Objects each of which holds the one before.
struct ChainPath {
  std::string link;          // from one to the next: ".before"
  std::string type;          // of each
  std::uint64_t length = 0;  // objects
};

struct HolderPath {
  std::vector<std::string> path;  // "module app", ".CACHE", "['user']"; root first
  std::string text;               // "app.CACHE['user']"
  std::string root;               // module global | frame local | thread state
  std::string holder_text;        // up to the container that the survivors share: "app.CACHE"
  std::string holder_type;        // its type: "dict", "list", "app.Store"
  std::string owner_type;  // of the nearest object above it that is no plain container; "" none
  std::optional<std::uint64_t> holder_length;  // entries, where it has a length
  // What hangs there: the type of the object below which the block hangs, "torch.Tensor", or of the
  // program's own object around it.
  std::string held_type;
  // What is put into the holder: the type of the first object on the way down that is no plain
  // container ("method" of a list of callbacks); "" there is none.
  std::string element_type;
  std::optional<ChainPath> chain;  // the holder is the first of a chain
  bool invisible_to_gc = false;    // some edge on the way is one that gc cannot see
  bool through_graph = false;      // passes an autograd graph (grad_fn), seen from a tensor
  // The stack that last enlarged the holder's own buffer: the statement that puts things in.
  std::optional<model::StackId> filled_from;
  // Of objects whose own memory grows: their bytes, buffers included, in the dump before and now.
  // nullopt: there is no dump before, or they are not the same objects.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> resized;
  // Of the cache of a tf.function: which argument has it traced again.
  std::optional<RetracedArgument> retraced;
};

// Survivors that nobody with a name holds, of one loss.
struct LossVote {
  std::uint32_t loss = Losses::kNone;  // an index of HolderReport::losses; kNone: of none
  std::size_t agreeing = 0;            // survivors that belong to it
};

// Where the objects of a type were made, as far as their births are recorded.
struct Makers {
  std::size_t known = 0;                                       // objects whose birth is recorded
  std::vector<std::pair<model::StackId, std::size_t>> stacks;  // most objects first
};

// For one stack of the window view.
struct StackHolder {
  model::ProcessId process;
  model::StackId stack;  // the row's first_stack
  bool is_resized = false;
  std::size_t sampled = 0;           // survivors looked up, or blocks that grew
  std::size_t found = 0;             // of them reachable from a root
  std::size_t agreeing = 0;          // of them below `holder`
  std::optional<HolderPath> holder;  // of one representative; nullopt: none, or no agreement
  std::string why_not;               // when there is no holder
  LossVote lost;
};

// For objects that live in pooled memory, by type: what two graphs of one process say.
struct TypeGrowth {
  std::string type;
  std::uint64_t before = 0;  // objects
  std::uint64_t after = 0;
  std::int64_t bytes = 0;   // shallow, after - before
  std::int64_t pooled = 0;  // of them, those of objects so small that they lie in pools
  std::size_t sampled = 0;  // new objects looked up
  std::size_t agreeing = 0;
  std::optional<HolderPath> holder;
  LossVote lost;
  Makers makers;
  // Objects per second that were born in the object period before the last dump and live in it;
  // nullopt: small objects were not recorded then.
  std::optional<double> late_rate = {};
};

// A loss, as it was in both graphs.
struct LossGrowth {
  Loss loss;                            // of the last graph
  std::optional<std::uint64_t> before;  // its count in the graph before; nullopt: there is none
};

struct HolderReport {
  std::vector<StackHolder> stacks;
  std::vector<TypeGrowth> types;  // by bytes, largest first
  std::vector<LossGrowth> losses;
  std::uint64_t objects = 0;   // in the last graph
  double seconds_between = 0;  // of the two graphs; 0 when there is one
  std::string why_not;         // "" or why there is no graph at all
};

}  // namespace memwhy::analysis
