// SPDX-License-Identifier: Apache-2.0
//
// The native memory behind objects: blocks that the tracer knows to be live, to which a word in an
// object's body points, and what is behind those, by words in their content. Beside HeapWalk; same
// conditions. Invariant: a block is written once, as native memory, or named as part of the one
// object whose size counts it, or it is the memory of an object itself and is left out.
#pragma once

#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/ground/raw_list.h"
#include "agent/memory/block_index.h"
#include "agent/objects/dump_types.h"
#include "agent/objects/edge_list.h"
#include "agent/objects/tensor_storage.h"
#include "agent/walk/native_types.h"

namespace memwhy::agent {

class DumpSink;
class TorchWalk;
struct WalkState;

class NativeWalk {
 public:
  NativeWalk(WalkState& state, DumpSink& sink, BlockIndex& blocks) noexcept;
  ~NativeWalk();
  NativeWalk(const NativeWalk&) = delete;
  NativeWalk& operator=(const NativeWalk&) = delete;

  // The edges of an extension's object to native blocks, behind those that are there.
  void ReadBody(const DumpType& facts, cpython::Address object, EdgeList& edges) noexcept;
  // The tables and arrays of a built-in container, as records.
  void WriteOwn(const DumpType& facts, cpython::Address object) noexcept;
  // `block` is part of `object`, and counted in its size or in a record of its own.
  void PutOwn(cpython::Address object, cpython::Address address) noexcept;
  // Whether `address` lies in a live block that begins before it.
  bool IsInside(cpython::Address address) const noexcept {
    const std::uint32_t index = blocks_.Find(address);
    return index != BlockIndex::kNone && blocks_.block(index).address != address;
  }
  // All blocks that were reached, and those behind them. After the objects. May be called again
  // when more were reached.
  void Write() noexcept;
  bool has_more() const { return next_ < queue_.count(); }

  // Blocks of PyTorch's objects are left to `torch`, which calls the rest.
  void SetTorch(TorchWalk* torch) noexcept { torch_ = torch; }
  // The block that `address` lies in, from now on known to be written by another.
  const NativeBlock* TakeBlock(cpython::Address address) noexcept;
  // The block that `address` lies in; null: none.
  const NativeBlock* FindBlock(cpython::Address address) const noexcept {
    const std::uint32_t index = blocks_.Find(address);
    return index == BlockIndex::kNone ? nullptr : &blocks_.block(index);
  }
  // The native blocks and objects that the words of `block` lead to, as edges.
  void AddWords(const NativeBlock& block) noexcept;
  std::uint32_t TypeOf(std::uint64_t vtable) noexcept { return types_.Get(vtable); }

 private:
  enum State : std::uint8_t {
    kUnknown = 0,
    kNative = 1,
    kObject = 2,
    kOwned = 3,
    kReserved = 4,
    kNativeInside = 5,  // like kNative; nothing that was read so far points to its beginning
  };
  enum class Reader { kObject, kBlock };  // whose word it is
  struct Content {
    const std::uint64_t* words;
    std::size_t count;
  };

  std::uint32_t NativeAt(std::uint64_t word, Reader reader) noexcept;
  bool IsMemory(const NativeBlock& block) noexcept;
  bool IsObjectMemory(const NativeBlock& block) noexcept;
  Content Read(const NativeBlock& block, std::uint64_t* copy, std::size_t room) noexcept;
  void ReadBlock(std::uint32_t index) noexcept;
  void ReadStorage(std::uint64_t block, std::uint64_t vtable) noexcept;
  void ReadGuarded(std::uint32_t index) noexcept;
  void WriteDeque(cpython::Address deque) noexcept;

  WalkState& state_;
  DumpSink& sink_;
  BlockIndex& blocks_;
  NativeTypes types_;
  TorchWalk* torch_ = nullptr;
  std::size_t next_ = 0;           // of queue_, to be written
  RawList<std::uint32_t> queue_;   // native blocks in the order in which they were reached
  std::uint64_t* copy_ = nullptr;  // in place: a block's content
  std::uint32_t type_ = 0;         // of the block that is read
  TensorStorage device_;           // likewise, of a storage on a device
  FaultGuard guard_;
};

}  // namespace memwhy::agent
