// SPDX-License-Identifier: Apache-2.0
//
// All stacks of a recording as one tree, shared prefixes stored once. A StackId is a node: its
// frame, and its parent towards the root. Invariant: equal stacks have equal ids, over all threads
// and processes. Not thread-safe.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "model/frame.h"
#include "model/ids.h"

namespace memwhy::model {

inline constexpr StackId kNoPython{0};       // [] : the thread runs no Python
inline constexpr StackId kUnknownStack{1};   // null: could not be read
inline constexpr StackId kTruncatedRoot{2};  // a stack that was cut hangs below this node

class StackTree {
 public:
  StackTree();

  // The id of `frame`, equal frames share one.
  FrameId InternFrame(const Frame& frame);
  // The stack whose leaf is `frame` called from `parent` (any id, the three above included).
  StackId InternStack(StackId parent, FrameId frame);

  const Frame& frame(FrameId id) const { return frames_[id.value]; }
  // Leaf frame of a stack; only for ids made by InternStack.
  const Frame& leaf(StackId id) const { return frames_[nodes_[id.value].frame.value]; }
  FrameId leaf_id(StackId id) const { return nodes_[id.value].frame; }
  StackId parent(StackId id) const { return nodes_[id.value].parent; }
  bool has_frames(StackId id) const { return id.value >= 3; }
  bool is_truncated(StackId id) const;
  // Leaf first.
  std::vector<FrameId> Frames(StackId id) const;
  std::size_t size() const { return nodes_.size(); }
  std::size_t frame_count() const { return frames_.size(); }

  // Later knowledge: the module of all frames of `file` and `function` that have none yet.
  void SetModule(FrameId id, std::string module);

 private:
  struct Node {
    StackId parent;
    FrameId frame;
  };
  std::vector<Frame> frames_;
  std::vector<Node> nodes_;
  std::unordered_map<std::uint64_t, std::uint32_t> node_index_;        // parent, frame -> node
  std::unordered_multimap<std::uint64_t, std::uint32_t> frame_index_;  // hash -> frame
};

}  // namespace memwhy::model
