// SPDX-License-Identifier: Apache-2.0
//
// A heap dump as a V8 heap snapshot (.heapsnapshot): JSON that the Memory panel of Chrome DevTools
// loads, and memlab. Written front to back; only the strings are kept in memory.
//
//   (root) -> one synthetic node for each kind of root -> one for each root -> its objects
//
// Every object and buffer is a node named by its type, so that it is grouped by it; sizes are
// shallow. Attributes and text keys are properties, indexes and number keys elements, locals and
// cells context variables; what has no name is hidden, with its place as number. Weak references
// are weak edges. The format has 32 bits for a size: what is larger than 4 GiB says 4 GiB.
#pragma once

#include "base/result.h"
#include "export/sink.h"
#include "model/heap/object_graph.h"

namespace memwhy::exports {

Result<void> WriteV8Snapshot(const model::ObjectGraph& graph, Sink& sink);

}  // namespace memwhy::exports
