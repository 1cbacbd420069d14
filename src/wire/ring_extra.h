// SPDX-License-Identifier: Apache-2.0
//
// The last 64 bytes of a ring file's first page, behind RingHeader: what the process keeps the
// agent from. Written by the agent but where it says so; zero in the ring of an agent that does not
// know them.
#pragma once

#include <atomic>
#include <cstdint>

#include "wire/ring.h"

namespace memwhy::wire {

// What the program has made of itself (agent/capture/sandbox.h): with kFilter the agent makes no
// system call in it and no request is served, with kNoClock nothing is recorded any more.
enum class Sandbox : std::uint32_t { kNone = 0, kFilter = 1, kNoClock = 2 };

struct RingExtra {
  std::atomic<std::uint32_t> sandbox;        // Sandbox
  std::atomic<std::uint32_t> tried_filters;  // set by the recorder: recorder/dump/filter_trial.h
};

inline constexpr std::uint64_t kRingExtraOffset = 4096 - 64;
static_assert(sizeof(RingHeader) <= kRingExtraOffset && sizeof(RingExtra) <= 64);

inline RingExtra& ExtraOf(RingHeader& header) noexcept {
  return *reinterpret_cast<RingExtra*>(reinterpret_cast<char*>(&header) + kRingExtraOffset);
}

}  // namespace memwhy::wire
