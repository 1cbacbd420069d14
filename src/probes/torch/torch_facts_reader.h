// SPDX-License-Identifier: Apache-2.0
//
// What a heap dump has of PyTorch, read in a pass of its own. A dump without torch gives empty
// facts; a layout that is not known is said in them.
#pragma once

#include "base/result.h"
#include "model/heap/torch_facts.h"

namespace memwhy::probes {

// `source`: the dump that `graph` was loaded from. An error is the source's.
Result<model::TorchFacts> ReadTorchFacts(model::DumpSource& source,
                                         const model::ObjectGraph& graph);

}  // namespace memwhy::probes
