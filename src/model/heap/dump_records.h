// SPDX-License-Identifier: Apache-2.0
//
// What the records of a heap dump say, one struct for each kind, and what a walk over them calls.
// Addresses are of the dumped process; sizes are bytes. Texts live until the call returns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/device_name.h"
#include "wire/heap_dump.h"

namespace memwhy::model {

struct DumpObject {
  std::uint64_t address = 0;
  std::uint32_t type = 0;
  std::uint64_t extra_bytes = 0;
  std::uint64_t references = 0;  // 0: immortal
  bool is_tracked = false;
  std::uint64_t edges = 0;           // that follow by OnEdge
  std::uint32_t shape = 0xffffffff;  // none
};

// Memory that objects refer to and that is no object.
struct DumpBuffer {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  wire::BufferKind kind{};
  DumpDevice device;  // of kDevice
};

// A live block of native memory.
struct DumpBlock {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::uint32_t native_type = 0;  // 0: not known
  std::uint64_t edges = 0;        // that follow by OnEdge
};

// An object of PyTorch's C++. What it says of a tensor is in words as they lay in memory.
struct DumpTorch {
  wire::TorchKind kind{};
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;        // of its block; 0: not followed
  std::uint32_t native_type = 0;  // 0: not known
  std::uint64_t edges = 0;        // that follow by OnEdge
  std::uint32_t shape = 0xffffffff;
  // Of a tensor.
  std::vector<std::uint64_t> words;
  std::vector<std::uint64_t> autograd;
  std::optional<std::uint32_t> version;
  std::vector<std::uint64_t> sizes;  // empty: they are among the words
  bool is_view = false;
  // Of a storage.
  std::uint64_t data = 0;
  std::uint64_t data_bytes = 0;
  DumpDevice device;
  bool is_owned = false;
  bool is_reached = false;  // by what a Python object leads to
};

struct DumpRootRecord {
  wire::DumpRoot kind{};
  wire::RootCounts counts{};
  std::uint64_t thread = 0;
  std::uint64_t line = 0;
  std::string_view name;
  std::string_view file;  // of a frame's function; "" not known
  std::uint64_t edges = 0;
  std::uint32_t shape = 0xffffffff;
};

// The collector's settings; lists it has, youngest first, none where they are not known.
struct DumpCollector {
  bool is_enabled = false;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lists;  // threshold, count
};

// Of a census.
struct DumpTypeTotal {
  std::uint32_t type = 0;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

struct DumpPair {
  std::optional<std::uint32_t> referrer;  // a type; nullopt: a root of kind `root`
  wire::DumpRoot root{};
  std::optional<std::uint32_t> referent;  // nullopt: memory that is no object
  std::uint64_t references = 0;
};

struct DumpTotals {
  std::uint64_t objects = 0;
  std::uint64_t edges = 0;
  std::uint64_t skipped = 0;
};

struct DumpLabel {
  wire::EdgeKind kind{};
  std::string text;
};

// What a walk calls. A derived class hides what it wants to see; nothing is virtual. It sees no
// lanes: types, shapes and native types are numbered as they are told here, whichever lane defined
// them, and OnList comes again where another lane with another list goes on. A class that also has
// OnRecord(tag, bytes) is told of each record when it is read: its tag and its bytes in the stream.
struct DumpVisitor {
  void OnType(std::string_view, std::uint64_t, std::uint64_t, std::uint64_t) {}
  void OnShape(wire::ShapeRest, std::vector<DumpLabel>) {}
  void OnText(std::uint64_t, std::string_view) {}
  void OnNumber(std::uint64_t, std::int64_t) {}
  void OnList(std::uint64_t) {}
  void OnObject(const DumpObject&) {}
  void OnRoot(const DumpRootRecord&) {}
  void OnEdge(std::uint64_t) {}  // 0: null
  void OnWeak(std::uint64_t, std::uint64_t) {}
  void OnThread(std::uint64_t, std::string_view) {}  // number and name
  void OnBuffer(const DumpBuffer&) {}
  void OnNativeType(std::string_view) {}  // mangled; defines the next one, from 1
  void OnBlock(const DumpBlock&) {}
  void OnTorch(const DumpTorch&) {}            // its vectors live until it returns
  void OnOwn(std::uint64_t, std::uint64_t) {}  // object, block
  void OnSkipped(wire::SkipReason, std::uint64_t) {}
  void OnCollector(const DumpCollector&) {}
  void OnTypeTotal(const DumpTypeTotal&) {}
  void OnPair(const DumpPair&) {}
  void OnEnd(const DumpTotals&) {}
};

}  // namespace memwhy::model
