// SPDX-License-Identifier: Apache-2.0
//
// What a dump calls things: types, functions, keys, threads, and the labels of edges. Each function
// writes a record. Part of DumpSink; same conditions.
#pragma once

#include <cstdint>

#include "agent/ground/number_table.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/walk_state.h"

namespace memwhy::agent {

class DumpNames {
 public:
  DumpNames(DumpStream& out, WalkState& state) noexcept;

  // The first shapes, without labels; before all others.
  static constexpr std::uint32_t kShapePairs = 0;
  static constexpr std::uint32_t kShapeIndexed = 1;
  void PutShapes() noexcept;
  // The id of the labels of `edges`, defined at first sight.
  std::uint32_t ShapeOf(const EdgeList& edges) noexcept;

  void PutFunction(const DumpType& facts, cpython::Address object) noexcept;
  // The file in which `code` stands.
  void PutFile(cpython::Address code) noexcept;
  // `name`: a str; 0: it is the main thread.
  void PutThread(std::uint64_t thread, cpython::Address name) noexcept;
  // What a key says, once for each key: text or number.
  void PutKey(cpython::Address key) noexcept;
  // The names of the variables that a function's closure holds.
  void PutFreeNames(cpython::Address function) noexcept;
  // Of a redacted dump: what the keys of a dict of attributes say, once for each, as it is.
  void PutAttributeKeys(cpython::Address dict) noexcept;
  // Within a record.
  void PutLabel(const EdgeLabel& label) noexcept;
  bool failed() const { return shapes_.failed() || attributes_.failed(); }

 private:
  static constexpr std::uint32_t kFirstLabelled = 2;

  void PutToken(const char* kind, const void* text, std::size_t bytes) noexcept;

  DumpStream& out_;
  WalkState& state_;
  NumberTable shapes_;      // by the hash of their labels
  NumberTable attributes_;  // keys that PutAttributeKeys has told
  char text_[wire::kMaxKeyBytes];
  // Of a function its closure and code, of code up to 3.10 the names of what it closes over;
  // kAbsent: this CPython has none.
  std::uint32_t closure_at_;
  std::uint32_t code_at_;
  std::uint32_t free_names_at_;
};

// The record of a type that is called `name`.
void PutType(DumpStream& out, const DumpType& facts, const char* name, std::size_t bytes) noexcept;

}  // namespace memwhy::agent
