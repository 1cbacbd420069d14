// SPDX-License-Identifier: Apache-2.0
//
// What a census of a process's heap says: objects and bytes by type, references by pair of types
// (referrer, referent). Types of one name are one type here. Invariant: each name and each pair
// stands once; counts that do not fit are the largest there is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/heap/dump_decoder.h"

namespace memwhy::model {

struct TypeCensus {
  struct Type {
    std::string name;           // "app.Session"; of a kind of root "(frame)"
    bool is_root = false;       // no objects: what the interpreter itself holds
    std::uint64_t objects = 0;  // 0: only referred to
    std::uint64_t bytes = 0;
  };
  struct Pair {
    std::uint32_t referrer = 0;  // index of types
    std::uint32_t referent = 0;
    std::uint64_t references = 0;
  };
  std::vector<Type> types;
  std::vector<Pair> pairs;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::uint64_t skipped = 0;
};

// The name of what is referred to and is no object.
inline constexpr char kNoObjectName[] = "(no object)";

// An error: the stream is damaged, cut off, or that of a whole dump.
Result<TypeCensus> ReadTypeCensus(DumpSource& source);

}  // namespace memwhy::model
