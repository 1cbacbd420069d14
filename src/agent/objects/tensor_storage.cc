// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/tensor_storage.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::size_t kTensorStorageBodyWords = 16;  // of a Python object, searched
constexpr int kTensorStorageMostDepth = 2;           // tensors behind tensors
// Members of a TensorImpl that are always set: the storage, AutogradMeta and two more, behind one
// word of counts or two. Sizes and strides come next, with room that nobody clears: what lay there
// before may be a pointer to another's storage.
constexpr std::uint32_t kFirstMember = 2;
constexpr std::uint32_t kEndOfMembers = 7;
constexpr std::uint32_t kTensorWords = 16;  // the Python object stands in these
// Of a derived class: where its own members are, behind 22 to 24 words of the base.
constexpr std::uint32_t kFirstOwnMember = 20;
constexpr std::uint32_t kLargerTensorWords = 32;
constexpr std::uint32_t kStorageWords = 16;  // more than it has; its Python object stands in it
// {data, std::function} of c10's InefficientStdFunctionContext; up to 2.0 the other way round.
constexpr std::uint32_t kLenderWords = 5;
constexpr std::uint64_t kTensorStorageMostBytes = std::uint64_t{1} << 47;

// c10::DeviceType
constexpr std::uint8_t kMkldnn = 2;
constexpr std::uint8_t kIdeep = 5;
constexpr std::uint8_t kMeta = 14;
constexpr std::uint8_t kLastDevice = 20;

bool IsHost(std::uint8_t device) noexcept {
  return device == 0 || device == kMkldnn || device == kIdeep;
}

}  // namespace

void TensorStorages::Find(Address object, std::int64_t bytes) noexcept {
  found_.Clear();
  holders_.Clear();
  is_cut_ = false;
  std::size_t words = static_cast<std::size_t>(bytes) / 8;
  if (words > kTensorStorageBodyWords) words = kTensorStorageBodyWords;
  for (std::size_t i = 2; i < words; ++i) {
    const Address word = PeekPointer(object, static_cast<std::uint32_t>(8 * i));
    if (classes_.RoleAt(word) == TorchRole::kStorage) Add(word);
    LookForTensor(word, kTensorStorageMostDepth);
  }
}

// A tensor's storage and gradient; of a larger one the tensors that it is made of, too.
void TensorStorages::LookThrough(Address tensor, bool is_larger, int depth) noexcept {
  if (!map_.IsReadable(tensor, 8 * kTensorWords)) return;
  if (depth < kTensorStorageMostDepth) AddHolder({tensor, kTensorWords, false});
  for (std::uint32_t i = kFirstMember; i < kEndOfMembers; ++i) {
    const Address word = PeekPointer(tensor, 8 * i);
    const TorchRole role = classes_.RoleAt(word);
    if (role == TorchRole::kStorage) Add(word);
    if (IsAutogradRole(role) && depth > 0) LookForGradient(word, depth);
  }
  if (!is_larger || depth == 0 || !map_.IsReadable(tensor, 8 * kLargerTensorWords)) return;
  for (std::uint32_t i = kFirstOwnMember; i < kLargerTensorWords; ++i) {
    LookForTensor(PeekPointer(tensor, 8 * i), depth - 1);
  }
}

// AutogradMeta {virtual table, std::string, gradient}: a short text lies in the string itself,
// which then begins with that address; of the older ABI it is one pointer.
void TensorStorages::LookForGradient(Address autograd, int depth) noexcept {
  constexpr std::uint32_t kText = 24;
  if (!map_.IsReadable(autograd, 48)) return;
  const bool is_short = PeekPointer(autograd, 8) == autograd + kText;
  LookForTensor(PeekPointer(autograd, is_short ? 40 : 16), depth - 1);
}

void TensorStorages::LookForTensor(Address address, int depth) noexcept {
  const TorchRole role = classes_.RoleAt(address);
  if (role == TorchRole::kTensor || role == TorchRole::kLargerTensor) {
    LookThrough(address, role == TorchRole::kLargerTensor, depth);
  }
}

void TensorStorages::Add(Address storage) noexcept {
  TensorStorage found;
  if (!Read(storage, &found)) return;
  for (const TensorStorage& known : found_) {
    if (known.data == found.data) return;
  }
  if (!found_.Push(found)) {
    is_cut_ = true;
    return;
  }
  AddHolder({storage, kStorageWords, false});
  if (!found.is_device && !found.is_owned) AddHolder({found.context, kLenderWords, true});
}

void TensorStorages::AddHolder(const TensorHolder& holder) noexcept {
  if (!holders_.Push(holder)) is_cut_ = true;
}

//  torch 2.1 and later   up to 2.0
//   1  both counts       1  references      (u32 strong, u32 weak; the weak one is at least 1)
//                        2  weak ones
//   2  data              3
//   3  deleter           4                  a function; 0: nobody gives the memory back
//   4  context           5                  what the deleter is called with
//   5  device            6                  i8 type, i8 index, six bytes of anything
//   6  bytes             7                  negative: a symbol
//   7  flags             8
//   8  allocator         9
bool TensorStorages::ReadAny(Address storage, TensorStorage* out) noexcept {
  if (!map_.IsReadable(storage, 80)) return false;
  const auto counts = Peek<std::uint64_t>(storage, 8);
  const bool is_joint = counts >> 32 != 0;
  if (!is_joint && (counts == 0 || Peek<std::uint64_t>(storage, 16) >> 32 != 0)) return false;
  const std::uint32_t first = is_joint ? 16 : 24;
  const Address deleter = PeekPointer(storage, first + 8);
  const Address context = PeekPointer(storage, first + 16);
  const Address allocator = PeekPointer(storage, first + 48);
  const auto bytes = Peek<std::int64_t>(storage, first + 32);
  out->data = PeekPointer(storage, first);
  out->device_type = Peek<std::uint8_t>(storage, first + 24);
  out->device_index = Peek<std::int8_t>(storage, first + 25);
  out->bytes = static_cast<std::uint64_t>(bytes);
  out->context = context;
  const bool has_memory = out->data != 0 && bytes != 0 && out->device_type != kMeta;
  if ((has_memory && out->data < 4096) || bytes < 0 || out->bytes > kTensorStorageMostBytes) {
    return false;
  }
  if (out->device_type > kLastDevice || out->device_index < -1) return false;
  if (deleter != 0) {
    const Mapping* code = map_.Find(deleter);
    if (code == nullptr || !code->is_executable) return false;
  }
  if (allocator != 0 && classes_.RoleAt(allocator) == TorchRole::kNone) return false;
  out->is_device = !IsHost(out->device_type);
  if (!has_memory) {
    out->data = 0;
    out->is_owned = true;
    return true;
  }
  const Mapping* memory = map_.Find(out->data);
  if (!out->is_device && (memory == nullptr || (!memory->is_readable && !memory->is_spared))) {
    return false;
  }
  // The usual allocator's context is the memory. Memory that another lent has none, nor has what
  // an object of torch's own maps.
  out->is_owned = deleter != 0 && (context == out->data || allocator != 0 ||
                                   classes_.RoleAt(context) == TorchRole::kMapAllocator);
  return true;
}

bool TensorStorages::Read(Address storage, TensorStorage* out) noexcept {
  return ReadAny(storage, out) && out->data != 0;
}

}  // namespace memwhy::agent
