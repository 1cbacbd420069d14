// SPDX-License-Identifier: Apache-2.0
//
// Writes every object of this process: those that the collector knows, list by list, and behind
// each the untracked ones that it refers to; then the roots. Invariant: each object once, each
// edge whole, whatever its order; an object that cannot be read is skipped, counted and named.
// Memory: 1.3 bytes per 64 bytes of object memory for the marks, and what untracked objects nest.
// Runs in a clone, in two that share the marks, or in place with the GIL held; no malloc, no lock
// of the target's.
#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/ground/fault_guard.h"
#include "agent/ground/mark_map.h"
#include "agent/ground/number_table.h"
#include "agent/memory/free_memory.h"
#include "agent/objects/dump_types.h"
#include "agent/objects/edge_list.h"
#include "agent/objects/object_reader.h"
#include "agent/python/dict_table.h"
#include "agent/walk/dump_stream.h"
#include "agent/walk/native_walk.h"
#include "agent/walk/type_census.h"

namespace memwhy::agent {

class DumpWalk {
 public:
  // FaultGuard is installed or borrowed: a fault while an object is read skips the object.
  // `is_clone`: nobody else changes this memory.
  DumpWalk(DumpStream& out, const MemoryMap& map, bool is_clone) noexcept
      : out_(out), map_(map), reader_(types_, map), is_clone_(is_clone) {}
  ~DumpWalk();

  // Everything. `collects`: the automatic collection was on before it was held for the dump. With
  // `free`, which needs a clone, objects that nothing of Python leads to are looked for in memory.
  // False: no memory, or the stream cannot be written.
  // With `native` the live native blocks behind the objects, too. With `lanes`, and without
  // `native`, another process takes a half of the objects.
  bool Run(bool collects, FreeMemory* free, NativeWalk* native = nullptr,
           DumpLanes* lanes = nullptr) noexcept;

  // The same, but what is written are the sums that it fills `census` with.
  bool RunCensus(FreeMemory* free, TypeCensus& census) noexcept;

  // After Run: whether `place` lies in the bytes of a str, bytes or int, where no references are.
  bool IsInBytes(cpython::Address place) noexcept;
  bool IsReadable(cpython::Address address, std::size_t bytes) const noexcept {
    return map_.IsReadable(address, bytes);
  }
  // After Run, as DumpTypes has it.
  bool IsObject(cpython::Address address) noexcept { return types_.IsObject(address); }
  bool IsInterpreters(const Mapping& mapping) const noexcept {
    return types_.IsInterpreters(mapping);
  }
  // After Run: whether only a search of memory led to it, and it lies where no allocator that we
  // know has its blocks: it may be what was left of an object.
  bool IsDoubtful(cpython::Address object) const noexcept {
    return std::binary_search(doubtful_.items, doubtful_.items + doubtful_count_, object);
  }
  // After Run: where the body of an object ends that C code may point into; 0: it has none.
  cpython::Address EndOfBody(cpython::Address object) noexcept { return BodyOf(object).end; }
  // After Run: whether a block of an allocator is the memory of an object.
  bool IsObjectsBlock(const FreeMemory::Block& block) noexcept;
  // After Run: visit(object, begin, end) of each with a body that may lead to memory of C code,
  // without its head; until it returns false.
  template <typename Visit>
  void EachBody(const Visit& visit) noexcept {
    marks_.EachSeen([&](cpython::Address object) {
      const Body body = BodyOf(object);
      return body.begin == body.end || visit(object, body.begin, body.end);
    });
  }

  std::uint64_t objects() const { return objects_; }
  std::uint64_t edges() const { return edge_count_; }
  std::uint64_t skipped() const { return skipped_; }

 private:
  friend class DumpRoots;
  friend class DumpHidden;
  friend class DumpLists;
  friend class NativeWalk;

  // The first shapes, without labels.
  static constexpr std::uint32_t kShapePairs = 0;
  static constexpr std::uint32_t kShapeIndexed = 1;
  static constexpr std::uint32_t kFirstLabelled = 2;
  // How far ahead of the object that is looked at the memory of the next ones is fetched.
  static constexpr std::int64_t kFetchAhead = 6;

  // One object whose references are being followed.
  struct Level {
    cpython::Address items;  // the first reference; or where they begin in scratch_
    std::int64_t next;       // index of the next one
    std::int64_t count;
    std::uint32_t stride;  // 8, or the bytes of a dict's entry
    std::uint32_t key_at;  // in the entry
    bool is_scratch;
    std::uint32_t referrer;  // whose references these are, as wire::DumpTag::kPair has it
  };

  struct Body {
    cpython::Address begin = 0;
    cpython::Address end = 0;
  };
  Body BodyOf(cpython::Address object) noexcept;
  // Writes `object`, marked just now, and all untracked ones behind it.
  void WriteTree(cpython::Address object) noexcept;
  void WriteTreeUnguarded() noexcept;
  template <typename Part>
  void WriteGuarded(const Part& part) noexcept;
  void WriteUnseen(cpython::Address object) noexcept;
  void WriteObject(cpython::Address object) noexcept;
  void WriteKnown(DumpType& facts, cpython::Address object) noexcept;
  void WriteRecord(DumpType& facts, cpython::Address object) noexcept;
  bool IsInterned(const DictTable& table) const noexcept;
  void WriteDict(DumpType& facts, cpython::Address dict) noexcept;
  void WriteItems(DumpType& facts, cpython::Address object) noexcept;
  void WriteArrayBuffer(const DumpType& facts, cpython::Address object) noexcept;
  bool IsPartOfBlock(const TensorStorage& storage) noexcept;
  void AddStorages() noexcept;
  void WriteStorages(const DumpType& facts, cpython::Address object) noexcept;
  void WriteDeviceMemory(const TensorStorage& storage) noexcept;
  void PutBuffer(cpython::Address address, std::uint64_t bytes, wire::BufferKind kind) noexcept;
  void FinishObject(DumpType& facts, cpython::Address object, std::int64_t extra) noexcept;
  static bool HasExtra(const DumpType& facts) noexcept;  // sizes are written object by object
  void PutHead(DumpType& facts, cpython::Address object, std::int64_t extra) noexcept;
  void PushLevel(const Level& level) noexcept;
  void PushAllEdges(const DumpType& facts, cpython::Address object) noexcept;
  void Follow(cpython::Address target) noexcept;
  void Skip(cpython::Address object, wire::SkipReason why) noexcept;
  void NoteIfDoubtful(cpython::Address object) noexcept;
  bool HasFailed() const noexcept {
    return failed_ || marks_.failed() || shapes_.failed() || edges_.failed();
  }
  void TakeInterned(cpython::Address interpreter) noexcept;
  std::size_t MostMarkBlocks() const noexcept;
  void Split(DumpLanes& lanes, cpython::Address interpreter) noexcept;
  void Join(DumpLanes& lanes) noexcept;
  void PutStart(bool may_have_lanes) noexcept;
  void PutShapes() noexcept;
  void PutEnd() noexcept;
  bool NameType(DumpType& facts) noexcept;
  void PutType(const DumpType& facts, const char* name, std::size_t bytes) noexcept;
  void NameFunction(const DumpType& facts, cpython::Address object) noexcept;
  void PutFile(cpython::Address code) noexcept;
  // `name`: a str; 0: it is the main thread.
  void PutThread(std::uint64_t thread, cpython::Address name) noexcept;
  void NameKey(cpython::Address key) noexcept;
  std::uint32_t ShapeOf(const EdgeList& edges) noexcept;
  void PutText(const EdgeLabel& label) noexcept;
  void WriteRoot(wire::DumpRoot kind, wire::RootCounts counts, std::uint64_t thread,
                 std::uint32_t line,
                 const EdgeLabel& name) noexcept;  // its references are in edges_
  void CountEdge(std::uint32_t referrer, cpython::Address target) noexcept;
  std::size_t NameGuarded(cpython::Address type, char* name, std::size_t bytes) noexcept;
  bool WriteCensus() noexcept;
  bool IsTracked(const DumpType& facts, cpython::Address object) const noexcept;
  bool IsConstant(const DumpType& facts, cpython::Address object) const noexcept;

  DumpStream& out_;
  const MemoryMap& map_;
  DumpTypes types_;
  ObjectReader reader_;
  MarkMap marks_;
  EdgeList edges_;
  FaultGuard guard_;  // armed by WriteTree
  bool is_clone_;
  NativeWalk* native_ = nullptr;
  TypeCensus* census_ = nullptr;  // null: a dump
  bool failed_ = false;
  bool has_lanes_ = false;
  RawArray<Level> levels_;
  std::size_t level_count_ = 0;
  RawArray<cpython::Address> scratch_;
  std::size_t scratch_count_ = 0;
  cpython::Address start_ = 0;  // where the next tree begins
  cpython::Address at_ = 0;     // the object being read
  cpython::Address none_ = 0;
  FreeMemory* hidden_in_ = nullptr;          // what is written now was found in memory
  cpython::Address interned_ = 0;            // the dict of interned strings
  RawArray<cpython::Address> root_targets_;  // of the root that is being written
  RawArray<cpython::Address> greenlets_;
  std::size_t greenlet_count_ = 0;
  RawArray<cpython::Address> doubtful_;  // sorted after Run
  std::size_t doubtful_count_ = 0;
  std::uint32_t named_types_ = 0;             // types whose records are written
  RawArray<cpython::Address> pending_types_;  // named, perhaps not written as objects
  std::size_t pending_type_count_ = 0;
  NumberTable shapes_;  // by the hash of their labels
  std::uint64_t objects_ = 0;
  std::uint64_t edge_count_ = 0;
  std::uint64_t skipped_ = 0;
  char text_[wire::kMaxKeyBytes];
};

}  // namespace memwhy::agent
