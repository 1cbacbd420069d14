// SPDX-License-Identifier: Apache-2.0
//
// One stream for the threads of a process that have ended long ago, so that a folded session of a
// service with a thread per request does not grow with its requests. Their sums per entry point and
// stack stay exact; which of these threads it was is forgotten. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>

#include "model/sites/stack_tree.h"
#include "session/stream_encoder.h"

namespace memwhy::session {

// The collecting stream's number in its process; agents count from 0.
inline constexpr std::uint32_t kEndedThreadsNumber = (1u << 20) - 1;
// So many ended threads of a process keep streams of their own.
inline constexpr std::size_t kEndedThreadsKept = 256;
inline constexpr char kEndedThreadsName[] = "ended threads";

class EndedThreads {
 public:
  // `stacks` outlives it.
  explicit EndedThreads(const model::StackTree& stacks);

  void AddSums(wire::Allocator allocator, std::uint32_t process, model::StackId stack,
               std::span<const std::uint64_t, 10> sums);
  void AddHeld(std::uint8_t flags, wire::Allocator allocator, std::uint32_t process,
               std::uint64_t address, std::uint64_t size, model::StackId stack);
  // Everything that was added, as a stream that wants its state and end.
  StreamEncoder Finish() &&;

 private:
  std::uint32_t Local(model::StackId stack);

  const model::StackTree& stacks_;
  StreamEncoder encoder_;
  StreamEncoder held_;                                      // behind the definitions of all
  std::unordered_map<std::uint32_t, std::uint32_t> nodes_;  // by stack
  std::unordered_map<std::uint32_t, std::uint32_t> codes_;  // by frame
  std::map<std::tuple<wire::Allocator, std::uint32_t, std::uint32_t>, std::array<std::uint64_t, 10>>
      sums_;  // by entry point, process and local stack
};

}  // namespace memwhy::session
