// SPDX-License-Identifier: Apache-2.0
//
// The C++ classes of PyTorch that memwhy reads, told by their names: an object of a polymorphic
// class begins with the address of its virtual table, which leads to the name (agent/class_name).
// No layout is assumed. Reads only, through the map; no malloc; one thread.
#pragma once

#include <cstdint>

#include "agent/ground/raw_table.h"
#include "agent/memory/memory_map.h"
#include "cpython/peek.h"

namespace memwhy::agent {

enum class TorchRole : std::uint8_t {
  kNone,          // no class
  kOther,         // of no interest
  kTensor,        // c10::TensorImpl
  kLargerTensor,  // derived from it: may have other tensors
  kUndefined,     // c10::UndefinedTensorImpl, the one that stands for no tensor
  kStorage,       // c10::StorageImpl
  kAutograd,      // torch::autograd::AutogradMeta: has the tensor's gradient
  kViewAutograd,  // DifferentiableViewMeta
  kMapAllocator,  // has a mapping, shared or of a file
  kNode,          // torch::autograd::Node and what is derived from it
  kAccumulate,    // of them AccumulateGrad
  kPythonNode,    // PyNode: of a Function written in Python
  kCopySlices,    // CopySlices: has another node
  kHook,          // of tensors and nodes
  kSavedHooks,    // of saved tensors
  kVersion,       // c10::VariableVersion::VersionCounter
};

constexpr bool IsTensorRole(TorchRole role) noexcept {
  return role == TorchRole::kTensor || role == TorchRole::kLargerTensor;
}
constexpr bool IsNodeRole(TorchRole role) noexcept {
  return role == TorchRole::kNode || role == TorchRole::kAccumulate ||
         role == TorchRole::kPythonNode || role == TorchRole::kCopySlices;
}
constexpr bool IsAutogradRole(TorchRole role) noexcept {
  return role == TorchRole::kAutograd || role == TorchRole::kViewAutograd;
}

// Whether a word may be the address of a C++ object.
constexpr bool IsNativeAddress(std::uint64_t word) noexcept {
  return (word & 7) == 0 && word >= (1u << 20) && word >> 47 == 0;
}

class TorchClasses {
 public:
  explicit TorchClasses(const MemoryMap& map) noexcept : map_(map) {}

  // Of objects that begin with this word.
  TorchRole RoleOf(std::uint64_t vtable) noexcept;
  // The same, of classes that were asked for before; else kNone.
  TorchRole KnownRoleOf(std::uint64_t vtable) const noexcept {
    const Slot* known = IsNativeAddress(vtable) ? roles_.Find(vtable) : nullptr;
    return known == nullptr ? TorchRole::kNone : known->role;
  }
  // Of what lies at `address`, which need not be readable.
  TorchRole RoleAt(cpython::Address address) noexcept;
  // Whether a tensor was ever asked for: else the process has none that memwhy knows.
  bool has_tensors() const { return has_tensors_; }

 private:
  struct Slot {
    std::uint64_t vtable;  // 0: empty
    TorchRole role;
    std::uint64_t key() const { return vtable; }
    bool is_used() const { return vtable != 0; }
    static std::size_t Hash(std::uint64_t vtable) {
      return static_cast<std::size_t>((vtable >> 4) * 0x9e3779b97f4a7c15ull >> 32);
    }
  };
  TorchRole Classify(std::uint64_t type_info) const noexcept;

  const MemoryMap& map_;
  RawTable<Slot> roles_;
  bool has_tensors_ = false;
};

}  // namespace memwhy::agent
