// SPDX-License-Identifier: Apache-2.0
//
// A heap dump as HPROF 1.0.2 (.hprof), the format of Java's heap dumps: VisualVM, Eclipse MAT and
// others load it. HPROF knows objects with a fixed list of fields per class, and arrays:
//
//   object of type T   instance of class T
//     named edges      its fields, those that T's objects use most; null where one has none
//     other edges      its field `items`: Object[], in order; of a dict key, value, key, value
//     its bytes        the class's size, and the field `bytes`: byte[] for what one has beyond it
//   buffer             instance of class "buffer", "cuda:0 storage"
//   root               a GC root of the kind nearest to it:
//                      module global: system class; frame local: Java frame; thread state: native
//                      stack; context: thread block; c global, interned: JNI global;
//                      unexplained: unknown
//
// What a reader adds up for an object and its two arrays is the object's size, to 10 bytes, where
// Java's own headers leave room for it: an instance counts 16 bytes and 8 a field, an array 20
// bytes and its elements. The contents of byte[] are zeros and holes in the file. Weak references,
// names of roots and the text of keys have no place in the format.
#pragma once

#include "base/result.h"
#include "export/sink.h"
#include "model/heap/object_graph.h"

namespace memwhy::exports {

Result<void> WriteHprof(const model::ObjectGraph& graph, Sink& sink);

}  // namespace memwhy::exports
