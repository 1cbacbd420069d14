// SPDX-License-Identifier: Apache-2.0
//
// The sink of a heap walk that writes a dump: a record for all that the walk meets
// (wire/heap_dump.h has the grammar). No malloc; runs where the walk runs.
#pragma once

#include <cstdint>

#include "agent/objects/torch_reader.h"
#include "agent/walk/dump_names.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/heap_sink.h"
#include "agent/walk/walk_state.h"

namespace memwhy::agent {

// How much a stream has, as its end says.
struct DumpTotals {
  std::uint64_t objects = 0;
  std::uint64_t edges = 0;
  std::uint64_t skipped = 0;
};
void PutDumpStart(DumpStream& out) noexcept;
void PutDumpEnd(DumpStream& out, const DumpTotals& totals) noexcept;

class DumpSink {
 public:
  DumpSink(DumpStream& out, WalkState& state) noexcept
      : out_(out), state_(state), names_(out, state) {}

  // As HeapSink has them.
  void OnLeaf(DumpType& facts, cpython::Address object, std::int64_t extra) noexcept {
    PutHead(facts, object, extra);
  }
  void OnItems(DumpType& facts, cpython::Address object, const ItemArray& items,
               std::int64_t extra) noexcept;
  void OnDict(DumpType& facts, cpython::Address dict, const DictTable& table,
              std::int64_t extra) noexcept;
  void OnObject(DumpType& facts, cpython::Address object, const EdgeList& edges,
                std::int64_t extra) noexcept;
  void OnType(const DumpType& facts) noexcept;
  void OnFunction(const DumpType& facts, cpython::Address object) noexcept {
    names_.PutFunction(facts, object);
  }
  void OnReference(std::uint32_t, cpython::Address) noexcept {}  // told with its object
  void OnRoot(const RootFacts& root, const EdgeList& edges) noexcept;
  void OnBuffer(const DumpType& facts, cpython::Address address, std::uint64_t bytes,
                wire::BufferKind kind) noexcept;
  void OnDeviceMemory(const TensorStorage& storage) noexcept;
  void OnFile(cpython::Address code) noexcept { names_.PutFile(code); }
  void OnThread(std::uint64_t thread, cpython::Address name) noexcept {
    names_.PutThread(thread, name);
  }
  void OnList(std::uint32_t list) noexcept;
  void OnSkipped(cpython::Address object, wire::SkipReason why) noexcept;
  bool failed() const noexcept { return out_.failed() || names_.failed(); }

  // Native memory.
  void PutBlock(std::uint64_t address, std::uint64_t bytes, std::uint32_t type,
                const EdgeList& edges) noexcept;
  void PutOwn(cpython::Address object, std::uint64_t block) noexcept;

  // An object of PyTorch's, in this order: the id of the shape of its edges, the head, the facts of
  // a tensor or storage, the edges.
  std::uint32_t ShapeOf(const EdgeList& edges) noexcept { return names_.ShapeOf(edges); }
  void PutTorchHead(wire::TorchKind kind, cpython::Address address, std::uint64_t bytes,
                    std::uint32_t type) noexcept;
  void PutTensor(const TensorWords& words) noexcept;
  void PutStorage(const TensorStorage& storage, bool is_reached) noexcept;
  // Of the process: what a storage has that no Python object was seen to have.
  void PutStorageMemory(const TensorStorage& storage) noexcept {
    PutBuffer(storage.data, storage.bytes, wire::BufferKind::kStorage);
  }
  void PutTorchEdges(std::uint32_t shape, cpython::Address address, const EdgeList& edges) noexcept;

  // Before the first record of a lane.
  void PutShapes() noexcept { names_.PutShapes(); }
  const DumpTotals& totals() const { return totals_; }
  // What another lane has written.
  void AddTotals(const DumpTotals& others) noexcept;
  DumpStream& out() { return out_; }

 private:
  void PutHead(const DumpType& facts, cpython::Address object, std::int64_t extra) noexcept;
  void PutAttributeKeys(const DumpType& facts, const EdgeList& edges) noexcept;
  void PutBuffer(cpython::Address address, std::uint64_t bytes, wire::BufferKind kind) noexcept;

  DumpStream& out_;
  WalkState& state_;
  DumpNames names_;
  DumpTotals totals_;
};

static_assert(HeapSink<DumpSink>);

}  // namespace memwhy::agent
