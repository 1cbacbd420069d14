// SPDX-License-Identifier: Apache-2.0
//
// The memory behind PyTorch's tensors and storages. The Python object points to a TensorImpl, that
// to a StorageImpl, and that says where the bytes are, how many, on which device, and how they are
// given back. Classes are told by their names (torch_classes.h); members by what only they can be,
// since torch 2.1 moved them by a word. What does not read like either form is left out.
//
// Reads only, through the map; the caller has a FaultGuard armed. No malloc; one thread.
//
// Sources: c10/core/{TensorImpl,StorageImpl,Device,DeviceType}.h, c10/util/UniqueVoidPtr.h,
// ATen/{SparseTensorImpl,MapAllocator}.h, torch/csrc/autograd/variable.h; 1.9 to 2.13.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/ground/fixed_list.h"
#include "agent/memory/memory_map.h"
#include "agent/objects/torch_classes.h"
#include "cpython/peek.h"

namespace memwhy::agent {

struct TensorStorage {
  cpython::Address data = 0;
  std::uint64_t bytes = 0;
  std::uint8_t device_type = 0;   // c10::DeviceType
  std::int8_t device_index = -1;  // -1: not told
  bool is_device = false;         // of no memory of the process
  bool is_owned = false;          // of the host: torch took it. Else another lent it (numpy).
  cpython::Address context = 0;   // what gives it back is called with this
};

// C++ memory behind a tensor in which references to Python objects may stand.
struct TensorHolder {
  cpython::Address begin = 0;
  std::uint32_t words = 0;
  // Lent memory's: the lender stands in it. Else a tensor or a storage, and its own Python object,
  // which refers back to it.
  bool is_lender = false;
};

class TensorStorages {
 public:
  static constexpr std::size_t kMax = 16;  // of one object, of each of the two below

  explicit TensorStorages(const MemoryMap& map) noexcept : map_(map), classes_(map) {}

  // Finds what is behind an object whose body is `bytes` long: of a sparse tensor, or one with a
  // gradient, several; each once.
  void Find(cpython::Address object, std::int64_t bytes) noexcept;
  // Of the last Find.
  std::size_t count() const { return found_.count(); }
  const TensorStorage& at(std::size_t i) const { return found_[i]; }
  // All that are not the object's own tensor; which ones may be readable or not.
  std::size_t holder_count() const { return holders_.count(); }
  const TensorHolder& holder(std::size_t i) const { return holders_[i]; }

  // There is more behind the object than we have room for.
  bool is_cut() const { return is_cut_; }

  // Whether objects that begin with this word are StorageImpls.
  bool IsStorageTable(std::uint64_t vtable) noexcept {
    return classes_.RoleOf(vtable) == TorchRole::kStorage;
  }
  // Of the StorageImpl at `storage`. False: it has no memory, or does not read like one.
  bool Read(cpython::Address storage, TensorStorage* out) noexcept;
  // The same, and of one without memory, too: empty, or of the device "meta".
  bool ReadAny(cpython::Address storage, TensorStorage* out) noexcept;
  TorchClasses& classes() { return classes_; }

 private:
  void LookForTensor(cpython::Address address, int depth) noexcept;
  void LookThrough(cpython::Address tensor, bool is_larger, int depth) noexcept;
  void LookForGradient(cpython::Address autograd, int depth) noexcept;
  void Add(cpython::Address storage) noexcept;
  void AddHolder(const TensorHolder& holder) noexcept;

  const MemoryMap& map_;
  TorchClasses classes_;
  FixedList<TensorStorage, kMax> found_;
  FixedList<TensorHolder, kMax> holders_;
  bool is_cut_ = false;
};

}  // namespace memwhy::agent
