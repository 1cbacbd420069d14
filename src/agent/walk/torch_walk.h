// SPDX-License-Identifier: Apache-2.0
//
// PyTorch's C++ objects behind Python's: tensors, their storages, the nodes of autograd, hooks.
// They are reached from Python objects by typed pointers (objects/torch_reader.h) and written once
// each. Where native memory is followed their blocks are theirs, and what else these lead to is
// added. Beside HeapWalk; same conditions.
#pragma once

#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/ground/raw_list.h"
#include "agent/memory/free_memory.h"
#include "agent/memory/present_pages.h"
#include "agent/objects/torch_reader.h"
#include "agent/walk/native_types.h"

namespace memwhy::agent {

class DumpSink;
class NativeWalk;
struct WalkState;

class TorchWalk {
 public:
  // `free`, `native`: null where they are not known.
  TorchWalk(WalkState& state, DumpSink& sink, FreeMemory* free, NativeWalk* native) noexcept;
  TorchWalk(const TorchWalk&) = delete;
  TorchWalk& operator=(const TorchWalk&) = delete;

  // The edges of a Python object to objects of torch, behind those that are there.
  void ReadBody(const DumpType& facts, cpython::Address object, EdgeList& edges) noexcept;
  // Whether the live block [begin, end) has an object of torch, which is then taken.
  bool TakesBlock(cpython::Address begin, cpython::Address end) noexcept;
  // All that were reached, and those behind them. May be called again when more were reached.
  void Write() noexcept;
  bool has_more() const { return next_ < queue_.count(); }
  // Storages to which no Python object leads, and who has them. In a clone, after Write.
  void SearchHidden() noexcept;

 private:
  struct Taken {
    cpython::Address address;  // of the object
    cpython::Address node;     // by which edges lead to it: its block's, where that is known
    TorchRole role;
    bool is_hidden;
  };

  // Where edges to it lead; 0: it is none that is written.
  cpython::Address Take(cpython::Address address, TorchRole role, bool is_hidden) noexcept;
  cpython::Address EndOf(cpython::Address address) const noexcept;
  cpython::Address EndByHead(cpython::Address address) const noexcept;
  bool WriteGuarded(const Taken& taken, bool is_searched) noexcept;
  // Not `is_searched`: a storage without what its words lead to.
  void WriteOne(const Taken& taken, bool is_searched) noexcept;
  void WriteStorage(const Taken& taken, std::uint64_t bytes, std::uint32_t type) noexcept;
  void PutEdges(bool is_hidden) noexcept;
  void SearchRange(cpython::Address first, cpython::Address last) noexcept;

  WalkState& state_;
  DumpSink& sink_;
  FreeMemory* const free_;
  NativeWalk* const native_;
  TorchReader reader_;
  NativeTypes types_;  // without native memory
  TorchClasses& classes_;
  RawList<Taken> queue_;
  std::size_t next_ = 0;
  FaultGuard guard_;
  PresentPages pages_;
};

}  // namespace memwhy::agent
