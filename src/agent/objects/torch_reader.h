// SPDX-License-Identifier: Apache-2.0
//
// What PyTorch's C++ objects keep: a tensor its storage, its gradient, its grad_fn and its hooks; a
// node of autograd the next nodes, the tensors that it saved for backward and its hooks; a hook the
// Python objects it calls. Weak pointers are left out. No offset is taken for granted: a pointer
// counts by the class of what it leads to, a saved tensor by the form of the record around it, and
// next_edges_ are where all edges of a node lead to nodes.
//
// Reads only, through the map; the caller has a FaultGuard armed. No malloc; one thread.
//
// Sources: torch/csrc/autograd/{variable,function,saved_variable,python_hook,python_function,
// python_saved_variable_hooks}.h of 1.13 (nodes counted by shared_ptr) and 2.13 (by
// intrusive_ptr).
#pragma once

#include <cstdint>

#include "agent/ground/raw_list.h"
#include "agent/objects/object_reader.h"
#include "agent/objects/torch_classes.h"

namespace memwhy::agent {

// A reference of such an object.
struct TorchEdge {
  cpython::Address target = 0;
  TorchRole role = TorchRole::kNone;  // of the target; kNone: a Python object
  const char* label = "";             // lives for ever
};

// Words of a tensor that are written as they are; readers find sizes, type and flags in them.
struct TensorWords {
  static constexpr std::size_t kTensor = 26;
  static constexpr std::size_t kAutograd = 24;
  static constexpr std::size_t kSizes = 64;
  FixedList<std::uint64_t, kTensor> tensor;
  FixedList<std::uint64_t, kAutograd> autograd;
  FixedList<std::uint64_t, kSizes> sizes;  // of a tensor with more dimensions than lie in it
  bool is_view = false;                    // its AutogradMeta is a DifferentiableViewMeta
  bool has_version = false;
  std::uint32_t version = 0;
};

class TorchReader {
 public:
  TorchReader(ObjectReader& objects, const MemoryMap& map) noexcept
      : objects_(objects), map_(map), classes_(objects.storages().classes()) {}

  // Each of these begins with an empty list. `end`: of the object's memory; 0: not known.
  void ReadTensor(cpython::Address tensor, TorchRole role, TensorWords* words) noexcept;
  void ReadNode(cpython::Address node, TorchRole role, cpython::Address end) noexcept;
  void ReadHook(cpython::Address hook, cpython::Address end) noexcept;
  // Of a storage its own Python object.
  void ReadStorage(cpython::Address storage) noexcept;
  // Of a Python object: `words` of its body behind the head.
  void ReadPythonTensor(cpython::Address object, std::uint32_t words) noexcept;
  void ReadPythonNode(cpython::Address object, std::uint32_t words) noexcept;
  void ReadContext(cpython::Address context, std::uint32_t words) noexcept;

  const RawList<TorchEdge>& edges() const { return edges_; }
  bool failed() const { return failed_; }

 private:
  struct Vector {
    cpython::Address begin = 0;
    cpython::Address end = 0;
  };
  // std::vector of trivially placed items at `address`.
  bool ReadVector(cpython::Address address, Vector* out) const noexcept;
  void Add(cpython::Address target, TorchRole role, const char* label) noexcept;
  void AddPythonObject(cpython::Address word, cpython::Address native, const char* label) noexcept;
  void ReadAutograd(cpython::Address meta, TorchRole role, cpython::Address storage,
                    TensorWords* words) noexcept;
  cpython::Address StorageOf(cpython::Address tensor) noexcept;
  bool ReadNextEdges(const Vector& vector, bool is_intrusive) noexcept;
  // `hooks_only`: of an owner that saves no tensors.
  bool ReadItems(const Vector& vector, bool hooks_only = false) noexcept;
  // Words of a SavedVariable of form `number` at `address`; 0: it is none.
  std::uint32_t SavedWords(cpython::Address address, cpython::Address end, std::uint32_t number,
                           bool* has_tensor) noexcept;
  std::uint32_t FormAt(cpython::Address address, bool is_intrusive) noexcept;
  void AddSaved(cpython::Address address, std::uint32_t number) noexcept;

  ObjectReader& objects_;
  const MemoryMap& map_;
  TorchClasses& classes_;
  RawList<TorchEdge> edges_;
  std::uint32_t next_at_ = 0;  // the word of Node::next_edges_; 0: no node had any so far
  bool has_counters_ = false;  // SavedVariables have version counters
  bool failed_ = false;
};

}  // namespace memwhy::agent
