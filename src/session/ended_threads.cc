// SPDX-License-Identifier: Apache-2.0
#include "session/ended_threads.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace memwhy::session {

EndedThreads::EndedThreads(const model::StackTree& stacks)
    : stacks_(stacks),
      nodes_{{model::kNoPython.value, wire::kStackNone},
             {model::kUnknownStack.value, wire::kStackUnknown},
             {model::kTruncatedRoot.value, wire::kStackTruncated}} {
  encoder_.Thread(0, kEndedThreadsName);
}

std::uint32_t EndedThreads::Local(model::StackId stack) {
  std::vector<model::StackId> missing;
  while (!nodes_.contains(stack.value)) {
    missing.push_back(stack);
    stack = stacks_.parent(stack);
  }
  std::uint32_t node = nodes_.at(stack.value);
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
    const model::Frame& frame = stacks_.leaf(*it);
    const std::uint32_t frame_id = stacks_.leaf_id(*it).value;
    auto code = codes_.find(frame_id);
    if (code == codes_.end()) {
      // Of a frame the line is known; it stands for the code's first, without a table.
      const std::uint32_t id =
          encoder_.DefineCode(frame.function, frame.file, frame.module, std::max(frame.line, 0));
      code = codes_.emplace(frame_id, id).first;
    }
    node = encoder_.DefineNode(node, code->second);
    nodes_.emplace(it->value, node);
  }
  return node;
}

void EndedThreads::AddSums(wire::Allocator allocator, std::uint32_t process, model::StackId stack,
                           std::span<const std::uint64_t, 10> sums) {
  auto& into = sums_[{allocator, process, Local(stack)}];
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += sums[i];
}

void EndedThreads::AddHeld(std::uint8_t flags, wire::Allocator allocator, std::uint32_t process,
                           std::uint64_t address, std::uint64_t size, model::StackId stack) {
  const auto without_last = static_cast<std::uint8_t>(flags & ~wire::kHeldLast);
  held_.Held(without_last, allocator, process, address, size, Local(stack));
}

StreamEncoder EndedThreads::Finish() && {
  // The first held block names its stack and size as differences to nothing.
  encoder_.State(0, 0, 0, 0);
  encoder_.Verbatim(held_.bytes());
  for (const auto& [key, sums] : sums_) {
    const auto& [allocator, process, stack] = key;
    encoder_.Folded(allocator, process, stack, sums);
  }
  return std::move(encoder_);
}

}  // namespace memwhy::session
