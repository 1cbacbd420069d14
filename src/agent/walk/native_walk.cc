// SPDX-License-Identifier: Apache-2.0
#include "agent/walk/native_walk.h"

#include "agent/ground/agent.h"
#include "agent/objects/object_size.h"
#include "agent/walk/dump_sink.h"
#include "agent/walk/torch_walk.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::size_t kNativeWalkBodyWords = 512;  // of an object's body, searched for pointers
constexpr std::size_t kBlockBytes = 64 * 1024;     // of a native block, likewise
constexpr std::size_t kMaxEdges = 4096;            // of one block
// Who may free a block has its beginning, or a base class or counted part of what lies there.
constexpr std::uint64_t kMaxOwnersOffset = 128;
// Tables of so many entries are in pymalloc's pools, which are no blocks of the tracer.
constexpr std::int64_t kPooledItems = 32;

bool IsPooled(const DumpType& facts, Address object) noexcept {
  switch (facts.size) {
    case ObjectSize::kList:
    case ObjectSize::kByteArray:
      return Peek<std::int64_t>(object, cpython::kVarSize) < kPooledItems;
    case ObjectSize::kDict:
      return Peek<std::int64_t>(object, g_agent.python.layout->dict_used) < kPooledItems / 4;
    default:
      return false;
  }
}

}  // namespace

NativeWalk::NativeWalk(WalkState& state, DumpSink& sink, BlockIndex& blocks) noexcept
    : state_(state), sink_(sink), blocks_(blocks), types_(sink.out(), state.map) {}

NativeWalk::~NativeWalk() {
  if (copy_ != nullptr) UnmapRaw(copy_, kBlockBytes);
}

// A mapping may be of addresses only, as CUDA reserves them for its devices; and drivers' mappings
// are not copied into a clone. What a clone was spared is memory all the same.
bool NativeWalk::IsMemory(const NativeBlock& block) noexcept {
  const Mapping* mapping = state_.map.Find(block.address);
  return mapping != nullptr &&
         (mapping->is_spared || state_.map.IsReadable(block.address, block.size));
}

// A live block that begins with an object, behind what 3.12 and later, and the collector, put
// before it. A large block that begins like a small one is not its: that was there before.
bool NativeWalk::IsObjectMemory(const NativeBlock& block) noexcept {
  constexpr std::size_t kWords = 6;
  constexpr std::int64_t kMaxBeyond = 1024;  // what an object may have behind its own bytes
  std::uint64_t copy[kWords];
  const Content head = Read(block, copy, sizeof(copy));
  const auto bytes = static_cast<std::int64_t>(block.size);
  for (std::size_t before = 0; before + 2 <= head.count; before += 2) {
    if (!state_.types.IsHead(head.words[before], head.words[before + 1])) continue;
    const DumpType* facts = state_.types.Get(head.words[before + 1]);
    if (facts == nullptr) return true;
    const std::int64_t inline_bytes = InlineBytes(*facts, block.address + 8 * before, state_.map);
    const std::int64_t own = facts->own_bytes() + (inline_bytes > 0 ? inline_bytes : 0);
    if (bytes - own <= own + kMaxBeyond) return true;
  }
  return false;
}

// The native block that a word points into, which is queued when it is new; kNone. Blocks hold
// words of what had their memory before (zlib's window is never cleared): one that points far into
// a block whose beginning somebody has is none of its references.
std::uint32_t NativeWalk::NativeAt(std::uint64_t word, Reader reader) noexcept {
  if (word < 4096 || word >> 47 != 0) return BlockIndex::kNone;
  const std::uint32_t index = blocks_.Find(word);
  if (index == BlockIndex::kNone) return index;
  const NativeBlock& block = blocks_.block(index);
  const bool is_owners = word - block.address <= kMaxOwnersOffset;
  if (blocks_.state(index) == kUnknown) {
    if (!IsMemory(block)) {
      blocks_.SetState(index, kReserved);
    } else if (IsObjectMemory(block)) {
      blocks_.SetState(index, kObject);
    } else if (torch_ != nullptr && torch_->TakesBlock(block.address, block.address + block.size)) {
      blocks_.SetState(index, kNative);
      state_.marks.See(block.address);
    } else if (!queue_.Push(index)) {
      state_.failed = true;
    } else {
      blocks_.SetState(index, is_owners ? kNative : kNativeInside);
      state_.marks.See(block.address);  // nobody takes it for an object
    }
  } else if (blocks_.state(index) == kNativeInside) {
    if (is_owners) blocks_.SetState(index, kNative);
  } else if (reader == Reader::kBlock && !is_owners) {
    return BlockIndex::kNone;
  }
  const std::uint8_t state = blocks_.state(index);
  return state == kNative || state == kNativeInside ? index : BlockIndex::kNone;
}

void NativeWalk::ReadBody(const DumpType& facts, Address object, EdgeList& edges) noexcept {
  const bool is_foreign = facts.kind == ObjectKind::kTraversed || facts.kind == ObjectKind::kOpaque;
  if (!is_foreign || HasOwnTable(facts.size) || edges.rest != wire::ShapeRest::kPlain) return;
  std::size_t words = static_cast<std::size_t>(facts.basic_bytes) / 8;
  if (words > kNativeWalkBodyWords) words = kNativeWalkBodyWords;
  for (std::size_t i = 2; i < words; ++i) {
    const std::uint32_t index =
        NativeAt(PeekPointer(object, static_cast<std::uint32_t>(8 * i)), Reader::kObject);
    if (index != BlockIndex::kNone) edges.Add(blocks_.block(index).address);
  }
}

void NativeWalk::PutOwn(Address object, Address address) noexcept {
  if (address < 4096 || address >> 47 != 0) return;
  const std::uint32_t index = blocks_.Find(address);
  if (index == BlockIndex::kNone || blocks_.state(index) != kUnknown) return;
  const NativeBlock& block = blocks_.block(index);
  if (object - block.address < block.size || IsObjectMemory(block)) return;
  blocks_.SetState(index, kOwned);
  sink_.PutOwn(object, block.address);
}

// deque: leftblock 24; BLOCK {leftlink, data[64], rightlink}, beyond what pools have.
void NativeWalk::WriteDeque(Address deque) noexcept {
  constexpr std::uint32_t kLeftBlock = 24;
  constexpr std::uint32_t kRightLink = 8 * 65;
  const std::int64_t most = Peek<std::int64_t>(deque, cpython::kVarSize) / 64 + 2;
  Address block = PeekPointer(deque, kLeftBlock);
  for (std::int64_t i = 0; i < most && state_.map.IsReadable(block, kRightLink + 8); ++i) {
    PutOwn(deque, block);
    block = PeekPointer(block, kRightLink);
  }
}

void NativeWalk::WriteOwn(const DumpType& facts, Address object) noexcept {
  if (const Address copy = Utf8BlockOf(facts, object); copy != 0) {
    PutOwn(object, copy);
  } else if (facts.kind == ObjectKind::kType) {
    // The table of attribute names that its objects share (PEP 412).
    if ((Peek<std::uint64_t>(object, cpython::kTypeFlags) & cpython::kFlagHeapType) != 0) {
      PutOwn(object, PeekPointer(object, TheLayout().type_cached_keys));
    }
  } else if (facts.is_deque) {
    WriteDeque(object);
  } else if (HasOwnTable(facts.size) && !IsPooled(facts, object)) {
    const std::size_t words = static_cast<std::size_t>(facts.basic_bytes) / 8;
    for (std::size_t i = 3; i < words; ++i) {
      PutOwn(object, PeekPointer(object, static_cast<std::uint32_t>(8 * i)));
    }
  }
}

// Its first words, at most as many as `copy` has room for. In place other threads may free a block
// meanwhile: what is still there is copied, nothing else of it is looked at.
NativeWalk::Content NativeWalk::Read(const NativeBlock& block, std::uint64_t* copy,
                                     std::size_t room) noexcept {
  const std::size_t bytes = block.size < room ? block.size : room;
  if (state_.is_clone) {
    if (!state_.map.IsReadable(block.address, bytes)) return {nullptr, 0};
    return {reinterpret_cast<const std::uint64_t*>(block.address), bytes / 8};
  }
  return {copy, copy == nullptr ? 0 : CopyCarefully(block.address, copy, bytes) / 8};
}

// Of tensors that only C++ has, as autograd keeps them: their memory on a device is no block.
void NativeWalk::ReadStorage(std::uint64_t block, std::uint64_t vtable) noexcept {
  TensorStorages& storages = state_.reader.storages();
  TensorStorage storage;
  if (!storages.IsStorageTable(vtable) || !storages.Read(block, &storage)) return;
  if (!storage.is_device) return;
  device_ = storage;
  state_.edges.Add(storage.data & ~Address{7});
}

const NativeBlock* NativeWalk::TakeBlock(Address address) noexcept {
  const std::uint32_t index = blocks_.Find(address);
  if (index == BlockIndex::kNone) return nullptr;
  if (blocks_.state(index) == kUnknown) {
    blocks_.SetState(index, kNative);
    state_.marks.See(blocks_.block(index).address);
  }
  return &blocks_.block(index);
}

void NativeWalk::AddWords(const NativeBlock& block) noexcept {
  ReadBlock(blocks_.Find(block.address));
}

void NativeWalk::ReadBlock(std::uint32_t index) noexcept {
  const NativeBlock& block = blocks_.block(index);
  if (!state_.is_clone && copy_ == nullptr)
    copy_ = static_cast<std::uint64_t*>(MapRaw(kBlockBytes));
  const Content content = Read(block, copy_, kBlockBytes);
  if (content.count >= 2) {
    type_ = types_.Get(content.words[0]);
    ReadStorage(block.address, content.words[0]);
  }
  for (std::size_t i = 0; i < content.count && state_.edges.count() < kMaxEdges; ++i) {
    const std::uint64_t word = content.words[i];
    const std::uint32_t next = NativeAt(word, Reader::kBlock);
    if (next != BlockIndex::kNone) {
      if (next != index) state_.edges.Add(blocks_.block(next).address);
    } else if (word >= 4096 && (word & 7) == 0 && state_.marks.IsSeen(word) &&
               state_.types.IsObject(word)) {
      state_.edges.Add(word);
    }
  }
}

// What was found before a fault stands.
void NativeWalk::ReadGuarded(std::uint32_t index) noexcept {
  if (MEMWHY_GUARD(guard_) == 0) ReadBlock(index);
  guard_.Disarm();
}

void NativeWalk::Write() noexcept {
  while (has_more() && !state_.failed && !sink_.failed()) {
    const std::uint32_t index = queue_[next_++];
    const NativeBlock& block = blocks_.block(index);
    state_.edges.Clear();
    type_ = 0;
    device_ = {};
    ReadGuarded(index);
    sink_.PutBlock(block.address, block.size, type_, state_.edges);
    if (device_.data != 0) sink_.OnDeviceMemory(device_);
  }
}

}  // namespace memwhy::agent
