// SPDX-License-Identifier: Apache-2.0
//
// Which argument of a tf.function differs between its traces, read from a heap graph: the cache's
// values know the type of each argument. Two types are the same if the objects that they are made
// of are; a number beyond those that CPython shares is an object each time, so several arguments
// may come out alike. Of TensorFlow 2.14 to 2.21. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/heap/object_graph.h"

namespace memwhy::analysis {

struct RetracedArgument {
  std::vector<std::string> names;  // those that differ most often; of several any may be the one
  std::uint64_t distinct = 0;      // types
  std::uint64_t traces = 0;        // looked at
  bool is_python_value = false;    // a number, string or bool, not a tensor
};

// `cache`: the dict of a FunctionCache, ._function_cache._primary. nullopt: it is none, or nothing
// differs.
std::optional<RetracedArgument> FindRetracedArgument(const model::ObjectGraph& graph,
                                                     model::ObjectGraph::Node cache);

}  // namespace memwhy::analysis
