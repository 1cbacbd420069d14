// SPDX-License-Identifier: Apache-2.0
//
// The sink of a heap walk that counts: objects and bytes by type, references by pair of types. What
// is written in the end are the sums. No malloc; runs where the walk runs.
#pragma once

#include <cstdint>

#include "agent/walk/dump_sink.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/heap_sink.h"
#include "agent/walk/type_census.h"
#include "agent/walk/walk_state.h"

namespace memwhy::agent {

class CensusSink {
 public:
  CensusSink(DumpStream& out, WalkState& state) noexcept : out_(out), state_(state) {}

  // As HeapSink has them.
  void OnLeaf(const DumpType& facts, cpython::Address, std::int64_t extra) noexcept {
    CountObject(facts, extra);
  }
  void OnItems(const DumpType& facts, cpython::Address, const ItemArray&,
               std::int64_t extra) noexcept {
    CountObject(facts, extra);
  }
  void OnDict(const DumpType& facts, cpython::Address, const DictTable&,
              std::int64_t extra) noexcept {
    CountObject(facts, extra);
  }
  void OnObject(const DumpType& facts, cpython::Address, const EdgeList&,
                std::int64_t extra) noexcept {
    CountObject(facts, extra);
  }
  void OnType(const DumpType&) noexcept {}
  void OnFunction(const DumpType&, cpython::Address) noexcept {}
  void OnReference(std::uint32_t type, cpython::Address target) noexcept {
    if (target == 0) return;
    CountReference(wire::kFirstType + type, target);
    ++totals_.edges;
  }
  void OnRoot(const RootFacts& root, const EdgeList& edges) noexcept;
  void OnBuffer(const DumpType& facts, cpython::Address, std::uint64_t bytes,
                wire::BufferKind) noexcept {
    census_.AddBytes(facts.id, bytes);
  }
  void OnDeviceMemory(const TensorStorage&) noexcept {}  // it counts memory of the process
  void OnFile(cpython::Address) noexcept {}
  void OnThread(std::uint64_t, cpython::Address) noexcept {}
  void OnList(std::uint32_t) noexcept {}
  void OnSkipped(cpython::Address, wire::SkipReason) noexcept { ++totals_.skipped; }
  bool failed() const noexcept { return census_.failed() || is_unread_; }

  // After the walk: the whole stream. False: it cannot be written.
  bool Write() noexcept;

 private:
  void CountObject(const DumpType& facts, std::int64_t extra) noexcept;
  void CountReference(std::uint32_t referrer, cpython::Address target) noexcept;
  std::size_t NameGuarded(cpython::Address type, char* name, std::size_t bytes) noexcept;

  DumpStream& out_;
  WalkState& state_;
  TypeCensus census_;
  DumpTotals totals_;
  bool is_unread_ = false;  // nobody reads the output any more
};

static_assert(HeapSink<CensusSink>);

}  // namespace memwhy::agent
