// SPDX-License-Identifier: Apache-2.0
//
// The references of one object, whatever its type: what its traversal tells, what the traversal of
// CPython or of an extension leaves out, and the names by which Python code knows them. Reads
// only; calls nothing of the target but tp_traverse. The caller holds the GIL, or is a clone.
//
// What traversals leave out is from Objects/*.c of CPython 3.8 to 3.14, numpy's and Cython's
// sources; docs/design/heap-dump.md lists it.
#pragma once

#include "agent/memory/free_memory.h"
#include "agent/objects/array_items.h"
#include "agent/objects/dump_types.h"
#include "agent/objects/edge_list.h"
#include "agent/objects/tensor_storage.h"

namespace memwhy::agent {

class ObjectReader {
 public:
  ObjectReader(DumpTypes& types, const MemoryMap& map) noexcept
      : types_(types), map_(map), array_items_(types, map), storages_(map) {}
  // What lies in it is no object: of words that only look like references.
  void SetFreeMemory(FreeMemory* free) noexcept { free_ = free; }
  // Native blocks are followed, too: they lead to the objects that C++ holds for a tensor.
  void SetFollowsBlocks(bool follows) noexcept { follows_blocks_ = follows; }

  // The references of any object but exact dicts, lists and tuples. `edges` is empty.
  void Read(DumpType& facts, cpython::Address object, EdgeList& edges) noexcept;
  // The code object of a frame or generator; 0: none.
  cpython::Address CodeOf(const DumpType& facts, cpython::Address object) const noexcept;
  ArrayBuffer BufferOf(cpython::Address array) noexcept { return array_items_.BufferOf(array); }
  // Of the object with has_storage that was read last.
  TensorStorages& storages() { return storages_; }
  // The local variables of a frame at `locals`, of `code`; `is_owner`: they are counted by it, and
  // each is added, told or not.
  void ReadLocals(cpython::Address code, cpython::Address locals, bool is_owner,
                  EdgeList& edges) noexcept;
  // The frame object of a greenlet that waits; 0: it runs, or it has not begun or has ended.
  cpython::Address StoppedFrameOf(cpython::Address greenlet) noexcept;
  // Whether a word that may be a reference is one, as far as can be told.
  bool IsLikelyObject(cpython::Address word) noexcept;
  // Words of `object` between `begin` and `end` that look like references and were not told. Its
  // own address is none: what C code was given along with memory in the body (libuv's `data`) says
  // to whom that belongs, and the reference is the C code's.
  void SearchWords(cpython::Address object, cpython::Address begin, cpython::Address end,
                   cpython::Address skip, EdgeList& edges) noexcept;

 private:
  void Traverse(const DumpType& facts, cpython::Address object, EdgeList& edges) noexcept;
  void ReadMembers(const DumpType& facts, cpython::Address object, bool is_complete,
                   EdgeList& edges) noexcept;
  void ReadAttributes(const DumpType& facts, cpython::Address object, bool is_complete,
                      EdgeList& edges) noexcept;
  void ReadInstance(DumpType& facts, cpython::Address object, EdgeList& edges) noexcept;
  void ReadType(cpython::Address type, EdgeList& edges) noexcept;
  void ReadCode(cpython::Address code, EdgeList& edges) noexcept;
  void ReadFrame(cpython::Address frame, EdgeList& edges) noexcept;
  void SearchGreenlet(cpython::Address greenlet, EdgeList& edges) noexcept;
  void ReadGenerator(cpython::Address generator, EdgeList& edges) noexcept;
  void ReadLruCache(cpython::Address cache, EdgeList& edges) noexcept;
  void ReadArray(cpython::Address array, EdgeList& edges) noexcept;
  void TellTensorObjects(const DumpType& facts, cpython::Address tensor, EdgeList& edges) noexcept;
  bool IsObjectOf(cpython::Address object, cpython::Address native) noexcept;
  void ReadHamtNode(cpython::Address node, EdgeList& edges) noexcept;
  void TakeOutBase(cpython::Address object, cpython::Address base, EdgeList& edges) noexcept;
  static int OnTold(void* target, void* edges) noexcept;
  static int OnBaseTold(void* target, void* self) noexcept;

  DumpTypes& types_;
  const MemoryMap& map_;
  ArrayItems array_items_;
  TensorStorages storages_;
  FreeMemory* free_ = nullptr;
  bool follows_blocks_ = false;
  RawList<cpython::Address> base_told_;  // what the traversal of a base container tells
};

}  // namespace memwhy::agent
