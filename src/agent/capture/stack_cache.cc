// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/stack_cache.h"

#include <atomic>
#include <cstring>
#include <utility>

#include "agent/capture/attached_state.h"
#include "agent/capture/code_definition.h"
#include "agent/capture/name_thread.h"
#include "agent/capture/stream.h"
#include "agent/capture/thread_state.h"
#include "agent/ground/agent.h"
#include "agent/ground/private_memory.h"
#include "cpython/frames.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Family;
using cpython::FrameState;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

// Generations of code addresses, hashed; a collision only costs a look-up by content again.
constexpr std::size_t kGenerations = 16384;
std::atomic<std::uint32_t> g_generations[kGenerations];
std::atomic<std::uint64_t> g_code_epoch{1};
void (*g_original_code_dealloc)(void*) = nullptr;
std::atomic<Address> g_finalizing{0};  // sticky: the thread state that finalizes the runtime

std::size_t Scramble(std::uint64_t value) noexcept {
  value *= 0x9e3779b97f4a7c15ull;
  return static_cast<std::size_t>(value ^ (value >> 29));
}

std::atomic<std::uint32_t>& GenerationOf(Address code) noexcept {
  return g_generations[Scramble(code >> 4) % kGenerations];
}

void OnCodeDealloc(void* code) noexcept {
  GenerationOf(reinterpret_cast<Address>(code)).fetch_add(1, std::memory_order_relaxed);
  g_code_epoch.fetch_add(1, std::memory_order_release);
  g_original_code_dealloc(code);
}

// Room for `wanted` frames; keeps the chain, and the last `used` of scratch.
bool Grow(StackCache& cache, std::size_t wanted, std::size_t used) noexcept {
  std::size_t capacity = cache.capacity == 0 ? 128 : cache.capacity;
  while (capacity < wanted) capacity *= 2;
  auto* chain = static_cast<FrameEntry*>(TakePrivate(capacity * sizeof(FrameEntry)));
  auto* scratch = static_cast<Address*>(TakePrivate(capacity * sizeof(Address)));
  if (chain == nullptr || scratch == nullptr) return false;
  if (cache.capacity != 0) {
    std::memcpy(chain, cache.chain, cache.capacity * sizeof(FrameEntry));
    std::memcpy(scratch + capacity - used, cache.scratch + cache.capacity - used,
                used * sizeof(Address));
  }
  cache.chain = chain;
  cache.scratch = scratch;
  cache.capacity = capacity;
  return true;
}

constexpr bool IsFull(std::size_t capacity, std::size_t count) noexcept {
  return count * 8 >= capacity * 5;
}

// Doubles an open-addressing table when it is full. False when memory ran out.
template <typename Slot, typename Used, typename Hash>
bool Reserve(Slot*& slots, std::size_t& capacity, std::size_t count, std::size_t first,
             const Used& is_used, const Hash& hash) noexcept {
  if (!IsFull(capacity, count)) return true;
  const std::size_t wider = capacity == 0 ? first : capacity * 2;
  auto* table = static_cast<Slot*>(TakePrivate(wider * sizeof(Slot)));
  if (table == nullptr) return false;
  for (std::size_t i = 0; i < capacity; ++i) {
    if (!is_used(slots[i])) continue;
    std::size_t at = hash(slots[i]) & (wider - 1);
    while (is_used(table[at])) at = (at + 1) & (wider - 1);
    table[at] = slots[i];
  }
  slots = table;
  capacity = wider;
  return true;
}

std::size_t HashCode(const CodeSlot& slot) noexcept {
  // Not shifted to the top: there it would not reach the bits that choose the slot, and all code
  // that ever lay at one address would stand in one row.
  return Scramble((slot.code >> 4) + slot.generation * 0xc2b2ae3d27d4eb4full);
}
std::size_t HashNode(const NodeSlot& slot) noexcept {
  return Scramble((static_cast<std::uint64_t>(slot.parent) << 32) ^
                  (static_cast<std::uint64_t>(slot.code) << 12) ^
                  static_cast<std::uint32_t>(slot.instruction));
}

bool IsCodeGone(const CodeSlot& slot) noexcept {
  return GenerationOf(slot.code).load(std::memory_order_relaxed) != slot.generation;
}

// Where most code objects of the full table are gone, leaves them out instead of making it larger.
// The nodes are mostly of such code, too: they are forgotten, and those in use are defined again.
bool ForgetCodes(StackCache& cache) noexcept {
  constexpr std::uint32_t kMinGone = 2048;
  std::uint32_t gone = 0;
  for (std::size_t i = 0; i < cache.code_capacity; ++i) {
    if (cache.codes[i].id != 0 && IsCodeGone(cache.codes[i])) ++gone;
  }
  if (gone < kMinGone || gone * 2 < cache.code_count) return false;
  const std::size_t bytes = cache.code_capacity * sizeof(CodeSlot);
  if (cache.spare_codes == nullptr) {
    cache.spare_codes = static_cast<CodeSlot*>(TakePrivate(bytes));
    if (cache.spare_codes == nullptr) return false;
  } else {
    std::memset(cache.spare_codes, 0, bytes);
  }
  std::swap(cache.codes, cache.spare_codes);
  cache.code_count = 0;
  for (std::size_t i = 0; i < cache.code_capacity; ++i) {
    const CodeSlot& slot = cache.spare_codes[i];
    if (slot.id == 0 || IsCodeGone(slot)) continue;
    std::size_t at = HashCode(slot) & (cache.code_capacity - 1);
    while (cache.codes[at].id != 0) at = (at + 1) & (cache.code_capacity - 1);
    cache.codes[at] = slot;
    ++cache.code_count;
  }
  cache.node_count = 0;
  if (cache.nodes != nullptr) std::memset(cache.nodes, 0, cache.node_capacity * sizeof(NodeSlot));
  return true;
}

bool ReserveCodes(StackCache& cache) noexcept {
  if (!IsFull(cache.code_capacity, cache.code_count)) return true;
  if (cache.code_capacity != 0 && ForgetCodes(cache)) return true;
  cache.spare_codes = nullptr;
  return Reserve(
      cache.codes, cache.code_capacity, cache.code_count, 128,
      [](const CodeSlot& s) { return s.id != 0; }, HashCode);
}

// The code id of a frame, and whether all of it is written; kCodeUnknown when it cannot be read;
// false when there is no room.
bool InternCode(ThreadState& t, Address frame, const CodeSlot& seen, CodeSlot* found) noexcept {
  StackCache& cache = t.stacks;
  *found = seen;
  // A code object that is being destroyed, or no code object at all: never a guess.
  if (cpython::TypeOf(seen.code) != g_agent.python.code_type ||
      cpython::IsDying(*g_agent.python.layout, seen.code)) {
    found->id = wire::kCodeUnknown;
    return true;
  }
  if (!ReserveCodes(cache)) return false;
  std::size_t at = HashCode(seen) & (cache.code_capacity - 1);
  while (cache.codes[at].id != 0) {
    CodeSlot& slot = cache.codes[at];
    if (slot.code == seen.code && slot.generation == seen.generation) {
      if (slot.needs_module != 0 && WriteCodeModule(t, slot.id, frame)) slot.needs_module = 0;
      *found = slot;
      return true;
    }
    at = (at + 1) & (cache.code_capacity - 1);
  }
  bool has_module = false;
  if (!WriteCodeDefinition(t, seen.code, frame, &has_module)) return false;
  found->id = wire::kFirstCode + cache.codes_defined++;
  found->needs_module = has_module ? 0 : 1;
  ++cache.code_count;
  cache.codes[at] = *found;
  return true;
}

// Brings the chain's entry of one frame up to date; `node` is its caller's and becomes its own.
// False: no room.
template <Family family>
bool Update(ThreadState& t, FrameEntry& entry, std::uint32_t* node) noexcept {
  const Layout& layout = *g_agent.python.layout;
  entry.state = cpython::ReadState<family>(layout, entry.frame);
  Address code = 0;
  std::int32_t instruction = 0;
  const bool is_counted = cpython::UnpackState<family>(layout, entry.state, &code, &instruction);
  const std::uint32_t generation =
      code == 0 ? 0 : GenerationOf(code).load(std::memory_order_relaxed);
  if (is_counted) {
    if (entry.code != code || entry.generation != generation) {
      CodeSlot found;
      if (!InternCode(t, entry.frame, {code, generation, 0, 0}, &found)) return false;
      entry.code_id = found.id;
      entry.code = found.id == wire::kCodeUnknown || found.needs_module != 0 ? 0 : code;
      entry.generation = generation;
    }
    if (!InternNode(t, *node, entry.code_id, instruction, node)) return false;
    entry.instruction = instruction;
    // What it runs is on its way out: soon it will be something else.
    if (entry.code_id == wire::kCodeUnknown) entry.state.code = 0;
  } else {
    entry.code = 0;
  }
  entry.generation = generation;
  entry.node = *node;
  return true;
}

template <Family family>
void NameByRoot(ThreadState& t, std::size_t depth) noexcept {
  for (std::size_t i = 0; i < depth; ++i) {
    const Address frame = t.stacks.chain[i].frame;
    Address code;
    std::int32_t instruction;
    if (!cpython::ReadFrame<family>(*g_agent.python.layout, frame, &code, &instruction)) continue;
    return NameThread(t, frame, code);
  }
}

// Updates the chain from `begin` on; its entries have their frames. Returns the leaf's node.
template <Family family>
std::uint32_t UpdateFrom(ThreadState& t, std::size_t begin, std::size_t depth,
                         std::uint32_t root) noexcept {
  StackCache& cache = t.stacks;
  std::uint32_t node = begin == 0 ? root : cache.chain[begin - 1].node;
  cache.depth = begin;
  if (!t.is_named) NameByRoot<family>(t, depth);
  for (std::size_t i = begin; i < depth; ++i) {
    if (!Update<family>(t, cache.chain[i], &node)) return wire::kStackUnknown;
  }
  cache.depth =
      root == wire::kStackNone ? depth : 0;  // of a cut chain the root is another one soon
  return node;
}

// Moves `count` frames of scratch behind the first `begin` ones of the chain.
void Append(StackCache& cache, std::size_t begin, std::size_t count) noexcept {
  const Address* frames = cache.scratch + cache.capacity - count;
  for (std::size_t i = 0; i < count; ++i) cache.chain[begin + i].frame = frames[i];
}

// The stack of a thread whose frames do not lead to those of the chain: another greenlet's, or of
// very many frames.
template <Family family>
std::uint32_t CaptureAfresh(ThreadState& t, Address thread) noexcept {
  const Layout& layout = *g_agent.python.layout;
  StackCache& cache = t.stacks;
  std::size_t count = 0;
  int counted = 0;
  std::uint32_t root = wire::kStackNone;
  for (Address frame = cpython::TopFrame<family>(layout, thread); frame != 0;
       frame = PeekPointer(frame, layout.frame_previous)) {
    if (counted == wire::kMaxDepth) {
      root = wire::kStackTruncated;
      break;
    }
    if (count == cache.capacity && !Grow(cache, count + 1, count)) return wire::kStackUnknown;
    cache.scratch[cache.capacity - 1 - count++] = frame;
    Address code;
    std::int32_t instruction;
    if (cpython::ReadFrame<family>(layout, frame, &code, &instruction)) ++counted;
  }
  std::size_t same = 0;
  if (root == wire::kStackNone) {
    const Address* frames = cache.scratch + cache.capacity - count;
    const std::size_t most = count < cache.depth ? count : cache.depth;
    while (same < most && cache.chain[same].frame == frames[same] &&
           cpython::ReadState<family>(layout, frames[same]) == cache.chain[same].state) {
      ++same;
    }
  }
  Append(cache, 0, count);
  return UpdateFrom<family>(t, same, count, root);
}

// Where among the first `depth` entries of the chain `frame` is, and one; 0: not near their end.
std::size_t FindFrame(const StackCache& cache, std::size_t depth, Address frame) noexcept {
  constexpr std::size_t kNear = 16;
  const std::size_t least = depth > kNear ? depth - kNear : 0;
  while (depth > least && cache.chain[depth - 1].frame != frame) --depth;
  return depth > least ? depth : 0;
}

template <Family family>
std::uint32_t Capture(ThreadState& t, Address thread) noexcept {
  const Layout& layout = *g_agent.python.layout;
  StackCache& cache = t.stacks;
  // New frames, until one that is known.
  std::size_t fresh = 0;
  std::size_t known = 0;
  Address frame = cpython::TopFrame<family>(layout, thread);
  for (; frame != 0; frame = PeekPointer(frame, layout.frame_previous)) {
    known = FindFrame(cache, cache.depth, frame);
    if (known != 0) break;
    if (fresh == cache.capacity) return CaptureAfresh<family>(t, thread);
    cache.scratch[cache.capacity - 1 - fresh++] = frame;
  }
  if (known + fresh > static_cast<std::size_t>(wire::kMaxDepth)) {
    return CaptureAfresh<family>(t, thread);
  }
  // The known ones down to the root: are they still the thread's, and which have moved on?
  std::size_t same = known;
  for (std::size_t i = known; i > 0; --i) {
    const FrameEntry& entry = cache.chain[i - 1];
    if (frame != entry.frame) return CaptureAfresh<family>(t, thread);
    // The same, but the processor need not wait for the frame before it.
    Address here = entry.frame;
    asm("" : "+r"(here));
    if (!(cpython::ReadState<family>(layout, here) == entry.state)) same = i - 1;
    frame = PeekPointer(here, layout.frame_previous);
  }
  if (frame != 0) return CaptureAfresh<family>(t, thread);
  const std::size_t depth = known + fresh;
  if (same == depth) {
    cache.depth = depth;  // what lay above has returned
    return depth == 0 ? std::uint32_t{wire::kStackNone} : cache.chain[depth - 1].node;
  }
  if (depth > cache.capacity && !Grow(cache, depth, fresh)) return wire::kStackUnknown;
  Append(cache, known, fresh);
  return UpdateFrom<family>(t, same, depth, wire::kStackNone);
}

// Code objects have gone since: the chain holds up to the first frame that ran one of them.
void DropGone(StackCache& cache) noexcept {
  for (std::size_t i = 0; i < cache.depth; ++i) {
    const FrameEntry& entry = cache.chain[i];
    const Address code = entry.state.code & ~Address{g_agent.python.layout->frame_tag};
    if (code != 0 && GenerationOf(code).load(std::memory_order_relaxed) != entry.generation) {
      cache.depth = i;
    }
  }
}

}  // namespace

bool InternNode(ThreadState& t, std::uint32_t parent, std::uint32_t code, std::int32_t instruction,
                std::uint32_t* node) noexcept {
  StackCache& cache = t.stacks;
  NodeSlot wanted{parent, code, code == wire::kCodeUnknown ? -1 : instruction, 0};
  if (!Reserve(
          cache.nodes, cache.node_capacity, cache.node_count, 256,
          [](const NodeSlot& s) { return s.node != 0; }, HashNode)) {
    return false;
  }
  std::size_t at = HashNode(wanted) & (cache.node_capacity - 1);
  while (cache.nodes[at].node != 0) {
    const NodeSlot& slot = cache.nodes[at];
    if (slot.parent == wanted.parent && slot.code == wanted.code &&
        slot.instruction == wanted.instruction) {
      *node = slot.node;
      return true;
    }
    at = (at + 1) & (cache.node_capacity - 1);
  }
  if (!MakeRoom(t, kHotRoom)) return false;
  std::uint8_t* out = PutTag(t.write, wire::EventKind::kDefineNode);
  out = wire::PutVarint(out, parent);
  out = wire::PutVarint(out, wanted.code);
  out = wire::PutVarint(out, static_cast<std::uint64_t>(wanted.instruction + 1));
  t.write = out;
  Commit(t);
  wanted.node = wire::kFirstNode + cache.nodes_defined++;
  ++cache.node_count;
  cache.nodes[at] = wanted;
  *node = wanted.node;
  return true;
}

bool SawFinalization() noexcept { return g_finalizing.load(std::memory_order_relaxed) != 0; }

std::uint32_t CaptureStack(ThreadState& t) noexcept {
  if (g_agent.python.layout == nullptr) return wire::kStackUnknown;
  const Address thread = AttachedState(t);
  if (thread == 0) return wire::kStackNone;
  if (__builtin_expect(thread == kUncertainState, false)) return wire::kStackUnknown;
  const Layout& layout = *g_agent.python.layout;
  const Address finalizing = PeekPointer(g_agent.python.runtime, layout.runtime_finalizing);
  if (__builtin_expect(finalizing != 0 || SawFinalization(), false)) {
    if (finalizing != 0) g_finalizing.store(finalizing, std::memory_order_relaxed);
    // The states of other threads are being freed under them: theirs cannot be trusted any more.
    if (g_finalizing.load(std::memory_order_relaxed) != thread) return wire::kStackUnknown;
  }
  StackCache& cache = t.stacks;
  const std::uint64_t epoch = g_code_epoch.load(std::memory_order_acquire);
  if (__builtin_expect(epoch != cache.code_epoch, false)) {
    DropGone(cache);
    cache.code_epoch = epoch;
  }
  switch (cpython::FamilyOf(layout)) {
    case Family::kFrameObjects:
      return Capture<Family::kFrameObjects>(t, thread);
    case Family::kCFrames:
      return Capture<Family::kCFrames>(t, thread);
    case Family::kThreadFrames:
      return Capture<Family::kThreadFrames>(t, thread);
  }
  return wire::kStackUnknown;
}

void WatchCodeObjects() noexcept {
  const Address slot = g_agent.python.code_type + cpython::kTypeDealloc;
  auto original = Peek<void (*)(void*)>(slot, 0);
  if (original == nullptr || original == &OnCodeDealloc) return;
  g_original_code_dealloc = original;
  void (*ours)(void*) = &OnCodeDealloc;
  __atomic_store_n(reinterpret_cast<std::uintptr_t*>(slot), reinterpret_cast<std::uintptr_t>(ours),
                   __ATOMIC_RELEASE);
}

void ResetStackCache(StackCache& cache) noexcept {
  if (cache.chain != nullptr) std::memset(cache.chain, 0, cache.capacity * sizeof(FrameEntry));
  cache.depth = 0;
  cache.code_epoch = 0;
  cache.code_count = cache.codes_defined = 0;
  cache.node_count = cache.nodes_defined = 0;
  if (cache.codes != nullptr) std::memset(cache.codes, 0, cache.code_capacity * sizeof(CodeSlot));
  if (cache.nodes != nullptr) std::memset(cache.nodes, 0, cache.node_capacity * sizeof(NodeSlot));
}

}  // namespace memwhy::agent
