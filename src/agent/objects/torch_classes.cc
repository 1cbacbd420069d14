// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/torch_classes.h"

#include <cstring>

#include "agent/memory/class_name.h"

namespace memwhy::agent {
namespace {

using cpython::Address;

constexpr std::size_t kTorchMaxClasses = 1 << 12;
constexpr int kTorchMaxBases = 8;

struct NamedRole {
  const char* name;  // mangled
  TorchRole role;
};
// Of a class of this name and of all that are derived from it.
constexpr NamedRole kTorchFamilies[] = {
    {"N3c1019UndefinedTensorImplE", TorchRole::kUndefined},
    {"N3c1010TensorImplE", TorchRole::kTensor},
    {"N5torch8autograd22DifferentiableViewMetaE", TorchRole::kViewAutograd},
    {"N5torch8autograd12AutogradMetaE", TorchRole::kAutograd},
    {"N2at12MapAllocatorE", TorchRole::kMapAllocator},
    {"22THManagedMapAllocator", TorchRole::kMapAllocator},
    {"N5torch8autograd14AccumulateGradE", TorchRole::kAccumulate},
    {"N5torch8autograd6PyNodeE", TorchRole::kPythonNode},
    {"N5torch8autograd10CopySlicesE", TorchRole::kCopySlices},
    {"N5torch8autograd4NodeE", TorchRole::kNode},
    {"N5torch8autograd15FunctionPreHookE", TorchRole::kHook},
    {"N5torch8autograd16FunctionPostHookE", TorchRole::kHook},
    {"N5torch8autograd22PostAccumulateGradHookE", TorchRole::kHook},
    {"N5torch8autograd18SavedVariableHooksE", TorchRole::kSavedHooks},
    {"N3c1015VariableVersion14VersionCounterE", TorchRole::kVersion},
};

}  // namespace

TorchRole TorchClasses::Classify(std::uint64_t type_info) const noexcept {
  char name[128];
  bool is_derived = false;
  for (int left = kTorchMaxBases; type_info != 0 && left > 0; --left) {
    if (ReadClassName(type_info, name, sizeof(name)) == 0) break;
    // Derived ones have other members, and no memory of their own.
    if (!is_derived && std::strcmp(name, "N3c1011StorageImplE") == 0) return TorchRole::kStorage;
    for (const NamedRole& known : kTorchFamilies) {
      if (std::strcmp(name, known.name) != 0) continue;
      const bool is_larger = known.role == TorchRole::kTensor && is_derived;
      return is_larger ? TorchRole::kLargerTensor : known.role;
    }
    type_info = BaseInfoOf(map_, type_info);
    is_derived = true;
  }
  return TorchRole::kOther;
}

TorchRole TorchClasses::RoleOf(std::uint64_t vtable) noexcept {
  if (!IsNativeAddress(vtable)) return TorchRole::kNone;
  if (const Slot* known = roles_.Find(vtable); known != nullptr) return known->role;
  const std::uint64_t info = TypeInfoOf(map_, vtable);
  char name[8];
  if (info == 0 || ReadClassName(info, name, sizeof(name)) == 0) return TorchRole::kNone;
  const TorchRole role = Classify(info);
  if (IsTensorRole(role) || role == TorchRole::kStorage) has_tensors_ = true;
  // Else it is worked out again.
  if (roles_.used() < kTorchMaxClasses) static_cast<void>(roles_.Add({vtable, role}));
  return role;
}

TorchRole TorchClasses::RoleAt(Address address) noexcept {
  if (!IsNativeAddress(address) || !map_.IsReadable(address, 8)) return TorchRole::kNone;
  return RoleOf(cpython::PeekPointer(address, 0));
}

}  // namespace memwhy::agent
