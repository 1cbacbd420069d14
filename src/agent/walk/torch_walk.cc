// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/torch_walk.h"

#include "agent/ground/private_memory.h"
#include "agent/objects/object_head.h"
#include "agent/walk/dump_sink.h"
#include "agent/walk/native_walk.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::EdgeKind;
using wire::TorchKind;

constexpr std::uint32_t kTorchBodyWords = 64;  // of a Python object
constexpr Address kCountsBytes = 16;           // what std::make_shared puts before an object

bool IsWritten(TorchRole role) noexcept {
  return IsTensorRole(role) || IsNodeRole(role) || role == TorchRole::kStorage ||
         role == TorchRole::kHook || role == TorchRole::kSavedHooks;
}

TorchKind KindOf(TorchRole role) noexcept {
  if (IsTensorRole(role)) return TorchKind::kTensor;
  if (IsNodeRole(role)) return TorchKind::kNode;
  return role == TorchRole::kStorage ? TorchKind::kStorage : TorchKind::kHook;
}

// What Python code can name reads as it does there.
EdgeKind KindOfLabel(const TorchEdge& edge) noexcept {
  if (edge.role == TorchRole::kNone) return EdgeKind::kNative;
  const bool is_internal = edge.label[0] == 's' || edge.label[0] == 'h' || edge.label[0] == 'f' ||
                           edge.label[0] == 'p' || edge.label[0] == 't';
  return is_internal ? EdgeKind::kInternal : EdgeKind::kAttribute;
}

}  // namespace

TorchWalk::TorchWalk(WalkState& state, DumpSink& sink, FreeMemory* free,
                     NativeWalk* native) noexcept
    : state_(state),
      sink_(sink),
      free_(free),
      native_(native),
      reader_(state.reader, state.map),
      types_(sink.out(), state.map),
      classes_(state.reader.storages().classes()) {}

Address TorchWalk::Take(Address address, TorchRole role, bool is_hidden) noexcept {
  if (!IsWritten(role)) return 0;
  Address node = address;
  if (native_ != nullptr) {
    const NativeBlock* block = native_->TakeBlock(address);
    if (block != nullptr) node = block->address;
  }
  if (state_.marks.Name(node) && !queue_.Push({address, node, role, is_hidden})) {
    state_.failed = true;
  }
  return node;
}

bool TorchWalk::TakesBlock(Address begin, Address end) noexcept {
  for (const Address at : {begin, begin + kCountsBytes}) {
    if (at + 16 > end) return false;
    const TorchRole role = classes_.RoleAt(at);
    if (!IsWritten(role)) continue;
    Take(at, role, false);
    return true;
  }
  return false;
}

void TorchWalk::ReadBody(const DumpType& facts, Address object, EdgeList& edges) noexcept {
  if (edges.rest != wire::ShapeRest::kPlain) return;
  std::uint32_t words = static_cast<std::uint32_t>(facts.basic_bytes / 8);
  if (words > kTorchBodyWords) words = kTorchBodyWords;
  if (facts.has_storage) {
    reader_.ReadPythonTensor(object, words);
  } else if (facts.is_torch_context) {
    reader_.ReadContext(object, words);
  } else {
    reader_.ReadPythonNode(object, words);
  }
  if (reader_.failed()) state_.failed = true;
  for (const TorchEdge& edge : reader_.edges()) {
    const Address node = Take(edge.target, edge.role, false);
    if (node != 0) edges.AddMemory(node);
  }
}

// Where the memory ends that was asked for; 0: not known.
Address TorchWalk::EndOf(Address address) const noexcept {
  if (native_ != nullptr) {
    const NativeBlock* block = native_->TakeBlock(address);
    if (block != nullptr) return block->address + block->size;
  }
  if (const Address end = EndByHead(address); end != 0) return end;
  if (free_ == nullptr) return 0;
  const FreeMemory::Block block = free_->BlockOf(address);
  return block.begin != 0 && address - block.begin <= kCountsBytes ? block.sure_end : 0;
}

// By what glibc has before a block: {size, flags}; the next one says that this one is in use.
Address TorchWalk::EndByHead(Address address) const noexcept {
  constexpr std::uint64_t kFlags = 7;
  constexpr std::uint64_t kIsUsed = 1;
  constexpr std::uint64_t kIsMapped = 2;
  constexpr std::uint64_t kMin = 32;
  constexpr std::uint64_t kMax = 64 << 10;
  for (const Address block : {address, address - kCountsBytes}) {
    if (!state_.map.IsReadable(block - 8, 8)) continue;
    const auto head = Peek<std::uint64_t>(block - 8, 0);
    const std::uint64_t size = head & ~kFlags;
    if ((head & kIsMapped) != 0 || (size & 15) != 0 || size < kMin || size > kMax) continue;
    if (!state_.map.IsReadable(block + size - 8, 8)) continue;
    const auto next = Peek<std::uint64_t>(block + size - 8, 0);
    if ((next & kIsUsed) != 0 && (next & ~kFlags) >= kMin) return block + size - 16;
  }
  return 0;
}

// The edges that the reader found, in the state's list.
void TorchWalk::PutEdges(bool is_hidden) noexcept {
  if (reader_.failed()) state_.failed = true;
  for (const TorchEdge& edge : reader_.edges()) {
    Address target = edge.target;
    if (edge.role != TorchRole::kNone) {
      target = Take(edge.target, edge.role, is_hidden);
    } else if (!state_.marks.IsSeen(target)) {
      // One that the collector knows comes with its lists, if it has not come already.
      const DumpType* facts = state_.types.Get(cpython::TypeOf(target));
      if (facts == nullptr || !IsTracked(*facts, target)) target = 0;
    }
    if (target != 0) state_.edges.AddNamed(target, {KindOfLabel(edge), edge.label, 0});
  }
}

void TorchWalk::WriteStorage(const Taken& taken, std::uint64_t bytes, std::uint32_t type) noexcept {
  EdgeList& edges = state_.edges;
  TensorStorage storage;
  const bool is_read = state_.reader.storages().ReadAny(taken.address, &storage);
  if (!is_read) storage = {};
  const Address data = storage.data & ~Address{7};
  const bool has_memory = is_read && storage.data != 0;
  // Of the process it is a node of its own, unless a block has it.
  const NativeBlock* block =
      native_ != nullptr && !storage.is_device ? native_->FindBlock(data) : nullptr;
  const bool is_own = has_memory && storage.is_owned && !storage.is_device;
  const bool is_new = is_own && block == nullptr && state_.marks.See(storage.data);
  if (has_memory) edges.AddMemory(data);
  const std::uint32_t shape = sink_.ShapeOf(edges);
  sink_.PutTorchHead(TorchKind::kStorage, taken.node, bytes, type);
  sink_.PutStorage(storage, !taken.is_hidden);
  sink_.PutTorchEdges(shape, taken.node, edges);
  if (has_memory && storage.is_device) sink_.OnDeviceMemory(storage);
  if (is_new) sink_.PutStorageMemory(storage);
}

void TorchWalk::WriteOne(const Taken& taken, bool is_searched) noexcept {
  state_.at = taken.address;
  state_.edges.Clear();
  const Address end = EndOf(taken.address);
  const NativeBlock* block = native_ == nullptr ? nullptr : native_->TakeBlock(taken.address);
  const std::uint64_t bytes = block == nullptr ? 0 : block->size;
  const std::uint64_t vtable = PeekPointer(taken.address, 0);
  TensorWords words;
  switch (KindOf(taken.role)) {
    case TorchKind::kTensor:
      reader_.ReadTensor(taken.address, taken.role, &words);
      break;
    case TorchKind::kStorage:
      if (is_searched) reader_.ReadStorage(taken.address);
      break;
    case TorchKind::kNode:
      reader_.ReadNode(taken.address, taken.role, end);
      break;
    case TorchKind::kHook:
      reader_.ReadHook(taken.address, end);
      break;
  }
  if (is_searched) {
    PutEdges(taken.is_hidden);
    if (block != nullptr) native_->AddWords(*block);
  }
  const std::uint32_t type = native_ != nullptr ? native_->TypeOf(vtable) : types_.Get(vtable);
  if (KindOf(taken.role) == TorchKind::kStorage) {
    WriteStorage(taken, bytes, type);
    return;
  }
  const std::uint32_t shape = sink_.ShapeOf(state_.edges);
  sink_.PutTorchHead(KindOf(taken.role), taken.node, bytes, type);
  if (IsTensorRole(taken.role)) sink_.PutTensor(words);
  sink_.PutTorchEdges(shape, taken.node, state_.edges);
}

// A fault costs one object: records are put when nothing is read any more. A storage's words are
// searched for its Python object, and what they lead to may be anything: it has its record without.
void TorchWalk::Write() noexcept {
  while (has_more() && !state_.failed && !sink_.failed()) {
    const Taken taken = queue_[next_++];
    bool is_written = WriteGuarded(taken, true);
    if (!is_written && KindOf(taken.role) == TorchKind::kStorage) {
      is_written = WriteGuarded(taken, false);
    }
    if (!is_written) sink_.OnSkipped(taken.address, wire::SkipReason::kFault);
  }
}

// False: a fault, nothing was put.
bool TorchWalk::WriteGuarded(const Taken& taken, bool is_searched) noexcept {
  if (MEMWHY_GUARD(guard_) != 0) {
    guard_.Disarm();
    return false;
  }
  WriteOne(taken, is_searched);
  guard_.Disarm();
  return true;
}

void TorchWalk::SearchRange(Address first, Address last) noexcept {
  pages_.Each(first, last, [&](Address begin, Address end) {
    for (Address at = (begin + 15) & ~Address{15}; at + 16 <= end; at += 16) {
      const TorchRole role = classes_.KnownRoleOf(PeekPointer(at, 0));
      if (role != TorchRole::kStorage && !IsTensorRole(role) && !IsNodeRole(role)) continue;
      const FreeMemory::Block block = free_->BlockOf(at);
      if (block.begin == 0 || at - block.begin > kCountsBytes) continue;
      // What ended has no count any more.
      if (Peek<std::uint32_t>(at, 8) == 0) continue;
      TensorStorage storage;
      if (role == TorchRole::kStorage && !state_.reader.storages().ReadAny(at, &storage)) continue;
      Take(at, role, true);
    }
  });
}

void TorchWalk::SearchHidden() noexcept {
  if (!classes_.has_tensors() || free_ == nullptr) return;
  for (std::size_t i = 0; i < state_.map.count() && !state_.failed; ++i) {
    const Mapping& mapping = state_.map.at(i);
    if (!mapping.is_readable || !mapping.is_writable || mapping.is_shared || mapping.is_stack) {
      continue;
    }
    if (mapping.inode != 0 || mapping.begin - g_private.begin < g_private.bytes) continue;
    if (MEMWHY_GUARD(guard_) == 0) SearchRange(mapping.begin, mapping.end);
    guard_.Disarm();
  }
}

}  // namespace memwhy::agent
