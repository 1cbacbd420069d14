// SPDX-License-Identifier: Apache-2.0
//
// ResolveModule in a child process with bounds on processor time and memory: what libdw does to
// itself on a damaged file costs this module's names only. One thread: the caller must not hold
// locks that its other threads could have taken.
#pragma once

#include "symbols/resolve_module.h"

namespace memwhy::symbols {

struct Bounds {
  unsigned cpu_seconds = 120;
  std::uint64_t bytes = std::uint64_t{8} << 30;  // beyond what this process has already
};

Result<Answers> ResolveIsolated(const Module& module, std::span<const std::uint64_t> addresses,
                                const ResolveOptions& options, const Bounds& bounds = {});

// For tests: runs `work` in such a child and gives back the bytes that it returned.
Result<std::vector<std::uint8_t>> RunIsolated(const Bounds& bounds,
                                              Result<std::vector<std::uint8_t>> (*work)(void*),
                                              void* argument);

}  // namespace memwhy::symbols
