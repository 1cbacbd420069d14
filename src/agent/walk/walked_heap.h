// SPDX-License-Identifier: Apache-2.0
//
// What is known of the heap when a walk has gone over it: which addresses are objects, where their
// bodies are, what may be the remains of one. For the search of memory that comes behind a dump.
#pragma once

#include <algorithm>

#include "agent/walk/walk_state.h"

namespace memwhy::agent {

class WalkedHeap {
 public:
  explicit WalkedHeap(WalkState& state) noexcept : state_(state) {}

  // Whether `place` lies in the bytes of a str, bytes or int, where no references are.
  bool IsInBytes(cpython::Address place) noexcept;
  bool IsReadable(cpython::Address address, std::size_t bytes) const noexcept {
    return state_.map.IsReadable(address, bytes);
  }
  // As DumpTypes has it.
  bool IsObject(cpython::Address address) noexcept { return state_.types.IsObject(address); }
  bool IsInterpreters(const Mapping& mapping) const noexcept {
    return state_.types.IsInterpreters(mapping);
  }
  // Whether only a search of memory led to it, and it lies where no allocator that we know has its
  // blocks: it may be what was left of an object.
  bool IsDoubtful(cpython::Address object) const noexcept {
    return std::binary_search(state_.doubtful.begin(), state_.doubtful.end(), object);
  }
  // Where the body of an object ends that C code may point into; 0: it has none.
  cpython::Address EndOfBody(cpython::Address object) noexcept { return BodyOf(object).end; }
  // Whether a block of an allocator is the memory of an object.
  bool IsObjectsBlock(const FreeMemory::Block& block) noexcept;
  // Whether it is the memory of an object that was freed and waits in a list of the interpreter's
  // to be used again: no allocator has got it back. Only of 3.14 and later, which link such objects
  // by their first word. Source: CPython Include/internal/pycore_freelist.h (_PyFreeList_Push).
  bool IsSpare(const FreeMemory::Block& block) noexcept;
  // Whether any block can be.
  static bool HasSpareLists() noexcept;
  // visit(object, begin, end) of each with a body that may lead to memory of C code, without its
  // head; until it returns false.
  template <typename Visit>
  void EachBody(const Visit& visit) noexcept {
    state_.marks.EachSeen([&](cpython::Address object) {
      const Body body = BodyOf(object);
      return body.begin == body.end || visit(object, body.begin, body.end);
    });
  }

 private:
  struct Body {
    cpython::Address begin = 0;
    cpython::Address end = 0;
  };
  Body BodyOf(cpython::Address object) noexcept;

  WalkState& state_;
};

}  // namespace memwhy::agent
