// SPDX-License-Identifier: Apache-2.0
//
// What a heap dump knows of each type that it met: how to read its objects, how much memory they
// take, which members have names. Runs in a clone of the target: no malloc, no locks.
#pragma once

#include <cstdint>

#include "agent/ground/fixed_list.h"
#include "agent/ground/raw_list.h"
#include "agent/ground/raw_table.h"
#include "agent/memory/memory_map.h"
#include "agent/python/python_api.h"
#include "cpython/peek.h"
#include "wire/heap_dump.h"

namespace memwhy::agent {

enum class ObjectKind : std::uint8_t {
  kLeaf,  // refers to nothing: numbers, str, bytes
  kDict,  // exactly dict, list, tuple: read directly
  kList,
  kTuple,
  kInstance,  // of a class written in Python upon object: slots and attributes only
  kCode,
  kType,
  kFrame,
  kGenerator,  // coroutines and asynchronous generators too
  kLruCache,
  kWeakref,
  kArray,      // numpy.ndarray
  kOpaque,     // no traversal: its body is searched for pointers
  kTraversed,  // whatever its traversal tells, and more
};

// How the size of an object goes beyond its type's.
enum class ObjectSize : std::uint8_t {
  kFixed,
  kItems,
  kInt,
  kStr,
  kDict,
  kOrderedDict,
  kList,
  kSet,
  kByteArray,
  kArray,  // of the module array
  kDeque,
  kCode,
  kFrame,
  kGenerator
};

struct NamedMember {
  std::uint32_t offset;
  wire::EdgeKind kind;
  const char* name;  // lives as long as the type
};

struct DumpType {
  static constexpr std::uint32_t kMaxMembers = 24;

  cpython::Address type = 0;
  std::uint32_t id = 0;
  ObjectKind kind = ObjectKind::kTraversed;
  ObjectSize size = ObjectSize::kFixed;
  bool is_collected = false;    // Py_TPFLAGS_HAVE_GC
  bool is_owned = false;        // a heap type: each object holds a reference to it
  bool has_attributes = false;  // an attribute dict or values somewhere
  bool is_searched = false;     // what its traversal leaves out is searched in its body
  bool is_dict = false;         // derived from dict, list, tuple, deque
  bool is_list = false;
  bool is_tuple = false;
  bool is_deque = false;
  bool has_optional_zone = false;  // datetime's: kDatetimeHasZone says whether there is one
  bool is_set = false;
  bool is_context_variable = false;
  bool has_function_name = false;
  bool is_definition = false;       // of modules: in libraries' data
  bool has_foreign_memory = false;  // a module: its state
  bool has_buffer = false;          // bytes in a block of their own
  bool is_hamt_node = false;        // of a context's map: {key or null, value} pairs
  bool is_greenlet = false;         // has a GreenletState
  bool has_storage = false;         // a tensor or storage of PyTorch
  bool is_torch_context = false;    // ctx of a torch.autograd.Function: a THPFunction
  bool may_be_torch_node = false;   // as large as the Python object of a node of autograd
  bool is_named = false;            // its record is written
  std::int64_t basic_bytes = 0;
  std::int64_t item_bytes = 0;
  std::int64_t fixed_bytes = 0;   // basic, gc head and what else lies before the object
  std::int64_t before_bytes = 0;  // of fixed_bytes, what lies before the object's address
  bool MayHaveTorch() const { return has_storage || is_torch_context || may_be_torch_node; }
  std::int64_t own_bytes() const { return fixed_bytes - before_bytes; }
  // From here up to basic_bytes an object may lead to memory of C code; 0: it does not.
  std::int64_t body_begin = 0;
  std::int64_t weak_list = 0;  // offset of a borrowed pointer, 0: none
  int (*traverse)(void*, int (*)(void*, void*), void*) = nullptr;
  int (*is_gc)(void*) = nullptr;
  FixedList<NamedMember, kMaxMembers> members;
  // The shape used last, and what it was for.
  cpython::Address shape_keys = 0;
  std::int64_t shape_count = -1;
  std::uint32_t shape = 0;
};

class DumpTypes {
 public:
  ~DumpTypes() { Release(); }
  // Before the first Get. False: no memory.
  bool Start(const MemoryMap& map) noexcept;
  // The facts of `type`, which must be one. Null: no memory, or too many types.
  DumpType* Get(cpython::Address type) noexcept {
    if (IsLast(type)) return last_;
    return Find(type);
  }
  // Whether `type` is a type object met before, or reads like one. Faults only on guard
  // pages that the kernel does not tell of (Linux before 6.15).
  bool IsType(cpython::Address type) noexcept { return IsLast(type) || ReadsLikeType(type); }
  // Whether Get has met it.
  bool IsKnown(cpython::Address type) noexcept;
  // Whether these can be the first two words of an object. Faults as IsType does.
  bool IsHead(std::uint64_t count, cpython::Address type) noexcept;
  // Whether an object can lie at `address`. Faults as IsType does.
  bool IsObject(cpython::Address address) noexcept;
  // 3.12+: its reference count says nothing.
  static bool IsImmortal(cpython::Address object) noexcept;
  // Whether this is the interpreter's own program or library.
  bool IsInterpreters(const Mapping& mapping) const noexcept {
    return mapping.inode != 0 && mapping.inode == python_inode_;
  }
  std::uint32_t count() const { return count_; }
  // By id.
  DumpType* at(std::uint32_t id) const { return &slabs_[id / kSlabTypes][id % kSlabTypes]; }
  void Release() noexcept;

 private:
  static constexpr std::size_t kSlabTypes = 64;

  // The type beside the pointer: the facts of one take many lines of the cache.
  struct Slot {
    cpython::Address type;
    DumpType* facts;  // null: free
    cpython::Address key() const { return type; }
    bool is_used() const { return facts != nullptr; }
    static std::size_t Hash(cpython::Address type) {
      return static_cast<std::size_t>((type >> 4) * 0x9e3779b97f4a7c15ull >> 32);
    }
  };

  bool IsLast(cpython::Address type) const noexcept {
    return type == last_type_ && last_ != nullptr;
  }
  DumpType* Find(cpython::Address type) noexcept;
  bool ReadsLikeType(cpython::Address type) noexcept;
  bool ReadsLikeMetaclass(cpython::Address meta) const noexcept;
  void Learn(DumpType& facts) noexcept;
  void LearnMembers(DumpType& facts) noexcept;
  void AddMember(DumpType& facts, std::uint32_t offset, wire::EdgeKind kind,
                 const char* name) noexcept;
  bool IsTrusted(const void* function) const noexcept;
  bool IsKnownEmpty(cpython::Address type) const noexcept;
  cpython::Address SolidBase(cpython::Address type) const noexcept;

  const MemoryMap* map_ = nullptr;
  std::uint64_t python_inode_ = 0;
  void* subtype_traverse_ = nullptr;  // of every class that Python code defines
  RawTable<Slot> table_;
  RawList<DumpType*> slabs_;  // filled front to back, then another; never moved
  std::size_t slab_used_ = 0;
  std::uint32_t count_ = 0;
  cpython::Address last_type_ = 0;
  DumpType* last_ = nullptr;
};

}  // namespace memwhy::agent
