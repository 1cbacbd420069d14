// SPDX-License-Identifier: Apache-2.0
#include "model/sites/stack_tree.h"

#include <functional>
#include <string_view>
#include <utility>

namespace memwhy::model {
namespace {

// The module is left out: it may be learned later (SetModule), and the index must still find it.
std::uint64_t HashWithoutModule(const Frame& frame) {
  const std::hash<std::string_view> hash;
  std::uint64_t value = hash(frame.function);
  value = value * 0x9e3779b97f4a7c15u + hash(frame.file);
  value = value * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(frame.line);
  return value * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(frame.language);
}

bool EqualWithoutModule(const Frame& a, const Frame& b) {
  return a.line == b.line && a.language == b.language && a.function == b.function &&
         a.file == b.file;
}

// "<string>" and "<stdin>" are shared by many modules: there, no module means another frame.
bool NamesOneFile(const Frame& frame) { return !frame.file.empty() && frame.file.front() != '<'; }

}  // namespace

StackTree::StackTree() : nodes_(3) {}

FrameId StackTree::InternFrame(const Frame& frame) {
  const std::uint64_t hash = HashWithoutModule(frame);
  const auto [first, last] = frame_index_.equal_range(hash);
  std::uint32_t similar = UINT32_MAX;
  for (auto it = first; it != last; ++it) {
    const Frame& known = frames_[it->second];
    if (!EqualWithoutModule(known, frame)) continue;
    if (known.module == frame.module) return FrameId{it->second};
    const bool one_is_unknown = known.module.empty() || frame.module.empty();
    if (one_is_unknown && NamesOneFile(frame) && it->second < similar) similar = it->second;
  }
  if (similar != UINT32_MAX) {
    if (frames_[similar].module.empty()) frames_[similar].module = frame.module;
    return FrameId{similar};
  }
  const auto id = static_cast<std::uint32_t>(frames_.size());
  frames_.push_back(frame);
  frame_index_.emplace(hash, id);
  return FrameId{id};
}

StackId StackTree::InternStack(StackId parent, FrameId frame) {
  const std::uint64_t key = static_cast<std::uint64_t>(parent.value) << 32 | frame.value;
  const auto [it, is_new] = node_index_.try_emplace(key, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back(Node{parent, frame});
  return StackId{it->second};
}

bool StackTree::is_truncated(StackId id) const {
  while (has_frames(id)) id = parent(id);
  return id == kTruncatedRoot;
}

std::vector<FrameId> StackTree::Frames(StackId id) const {
  std::vector<FrameId> frames;
  for (; has_frames(id); id = parent(id)) frames.push_back(leaf_id(id));
  return frames;
}

void StackTree::SetModule(FrameId id, std::string module) {
  const std::string function = frames_[id.value].function;
  const std::string file = frames_[id.value].file;
  for (Frame& frame : frames_) {
    if (frame.module.empty() && frame.function == function && frame.file == file) {
      frame.module = module;
    }
  }
}

}  // namespace memwhy::model
