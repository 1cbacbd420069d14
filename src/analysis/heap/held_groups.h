// SPDX-License-Identifier: Apache-2.0
//
// Objects by the path that holds them, where paths that differ in an index or a number of a key
// are one: __main__.MODELS[*]. Pure; most objects first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/heap/heap_paths.h"

namespace memwhy::analysis {

struct HeldGroup {
  std::uint64_t count = 0;
  std::string path;                 // "": no root reaches them, they wait for a collection
  bool is_invisible_to_gc = false;  // of all of them
};

struct HeldObjects {
  std::vector<HeldGroup> groups;
  std::uint64_t not_in_dump = 0;
};

HeldObjects GroupByPath(const model::ObjectGraph& graph, const HeapPaths& paths,
                        std::span<const std::uint64_t> addresses);

// One step: "[17]" as "[*]", "['CustomGradient-17']" as "['CustomGradient-*']", names as they are.
std::string GeneralStep(const std::string& step);

}  // namespace memwhy::analysis
