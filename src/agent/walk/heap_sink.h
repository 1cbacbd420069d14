// SPDX-License-Identifier: Apache-2.0
//
// What a traversal of the heap (HeapWalk) calls while it goes: one function for each thing that it
// meets. DumpSink writes a record of each, CensusSink counts. The traversal is compiled once for
// each sink, so that no call costs a jump through a table.
#pragma once

#include <concepts>
#include <cstdint>

#include "agent/objects/dump_types.h"
#include "agent/objects/edge_list.h"
#include "agent/objects/tensor_storage.h"
#include "agent/python/dict_table.h"
#include "wire/heap_dump.h"

namespace memwhy::agent {

// A root without its references.
struct RootFacts {
  wire::DumpRoot kind = wire::DumpRoot::kModule;
  wire::RootCounts counts = wire::RootCounts::kNone;
  std::uint64_t thread = 0;  // 0: of none
  std::uint32_t line = 0;    // 0: not known
  EdgeLabel name;
};

// The items of a list or tuple.
struct ItemArray {
  cpython::Address begin = 0;
  std::int64_t count = 0;
};

// `facts`: of the object's type; `extra`: bytes beyond the type's own. Each object comes once, by
// the first, second, third or fourth of these, and right before that by OnFunction where it names
// the code it runs. All references of an object, root or block are told together with it; then one
// by one by OnReference, as the traversal follows them, those of roots excepted.
template <typename Sink>
concept HeapSink =
    requires(Sink& sink, DumpType& facts, cpython::Address address, const EdgeList& edges,
             std::int64_t extra, std::uint64_t number, const RootFacts& root) {
      sink.OnLeaf(facts, address, extra);
      sink.OnItems(facts, address, ItemArray{}, extra);
      sink.OnDict(facts, address, DictTable{}, extra);  // a table of its own
      sink.OnObject(facts, address, edges, extra);
      sink.OnType(facts);  // before the first object of the type; all types, in the order of ids
      sink.OnFunction(facts, address);
      sink.OnReference(facts.id, address);  // of an object of this type; null, too
      sink.OnRoot(root, edges);
      sink.OnBuffer(facts, address, number, wire::BufferKind::kArray);  // memory of an object
      sink.OnDeviceMemory(TensorStorage{});
      sink.OnFile(address);            // where the code of the root that comes next stands
      sink.OnThread(number, address);  // its name, a str; 0: it is the main thread
      sink.OnList(extra);              // what comes now is in this list of the collector
      sink.OnSkipped(address, wire::SkipReason::kFault);
      { sink.failed() } -> std::same_as<bool>;  // no memory, or nobody reads what it writes
    };

}  // namespace memwhy::agent
