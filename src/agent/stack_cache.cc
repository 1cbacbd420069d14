// SPDX-License-Identifier: Apache-2.0
#include "agent/stack_cache.h"

#include <atomic>
#include <cstring>

#include "agent/agent.h"
#include "agent/attached_state.h"
#include "agent/code_definition.h"
#include "agent/name_thread.h"
#include "agent/private_memory.h"
#include "agent/stream.h"
#include "agent/thread_state.h"
#include "cpython/frames.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Family;
using cpython::Layout;
using cpython::Peek;
using cpython::PeekPointer;

// Generations of code addresses, hashed; a collision only costs a look-up by content again.
constexpr std::size_t kGenerations = 4096;
std::atomic<std::uint32_t> g_generations[kGenerations];
std::atomic<std::uint64_t> g_code_epoch{1};
void (*g_original_code_dealloc)(void*) = nullptr;
std::atomic<Address> g_finalizing{0};  // sticky: the thread state that finalizes the runtime

std::size_t Mix(std::uint64_t value) noexcept {
  value *= 0x9e3779b97f4a7c15ull;
  return static_cast<std::size_t>(value ^ (value >> 29));
}

std::atomic<std::uint32_t>& GenerationOf(Address code) noexcept {
  return g_generations[Mix(code >> 4) % kGenerations];
}

void OnCodeDealloc(void* code) noexcept {
  GenerationOf(reinterpret_cast<Address>(code)).fetch_add(1, std::memory_order_relaxed);
  g_code_epoch.fetch_add(1, std::memory_order_release);
  g_original_code_dealloc(code);
}

bool Grow(StackCache& cache, std::size_t used) noexcept {
  const std::size_t capacity = cache.capacity == 0 ? 128 : cache.capacity * 2;
  auto* chain = static_cast<FrameEntry*>(TakePrivate(capacity * sizeof(FrameEntry)));
  auto* scratch = static_cast<FrameEntry*>(TakePrivate(capacity * sizeof(FrameEntry)));
  if (chain == nullptr || scratch == nullptr) return false;
  if (cache.capacity != 0) {
    std::memcpy(chain, cache.chain, cache.depth * sizeof(FrameEntry));
    std::memcpy(scratch + capacity - used, cache.scratch + cache.capacity - used,
                used * sizeof(FrameEntry));
  }
  cache.chain = chain;
  cache.scratch = scratch;
  cache.capacity = capacity;
  return true;
}

// Fills the scratch, leaf last. Returns the number of frames, or -1 when memory ran out.
template <Family family>
int Walk(StackCache& cache, Address thread, bool* truncated) noexcept {
  const Layout& layout = *g_agent.python.layout;
  std::size_t count = 0;
  for (Address frame = cpython::TopFrame<family>(layout, thread); frame != 0;
       frame = PeekPointer(frame, layout.frame_previous)) {
    if (count == cache.capacity) {
      if (count >= static_cast<std::size_t>(wire::kMaxDepth)) {
        *truncated = true;
        break;
      }
      if (!Grow(cache, count)) return -1;
    }
    FrameEntry& entry = cache.scratch[cache.capacity - 1 - count];
    entry.frame = frame;
    if (cpython::ReadFrame<family>(layout, frame, &entry.code, &entry.instruction)) ++count;
  }
  return static_cast<int>(count);
}

int WalkFrames(StackCache& cache, Address thread, bool* truncated) noexcept {
  switch (cpython::FamilyOf(*g_agent.python.layout)) {
    case Family::kFrameObjects:
      return Walk<Family::kFrameObjects>(cache, thread, truncated);
    case Family::kCFrames:
      return Walk<Family::kCFrames>(cache, thread, truncated);
    case Family::kThreadFrames:
      return Walk<Family::kThreadFrames>(cache, thread, truncated);
  }
  return -1;
}

// Doubles an open-addressing table when it is 5/8 full. False when memory ran out.
template <typename Slot, typename Used, typename Hash>
bool Reserve(Slot*& slots, std::size_t& capacity, std::size_t count, std::size_t first,
             const Used& is_used, const Hash& hash) noexcept {
  if (capacity != 0 && count * 8 < capacity * 5) return true;
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
  return Mix(slot.code ^ (static_cast<std::uint64_t>(slot.generation) << 48));
}
std::size_t HashNode(const NodeSlot& slot) noexcept {
  return Mix((static_cast<std::uint64_t>(slot.parent) << 32) ^
             (static_cast<std::uint64_t>(slot.code) << 12) ^
             static_cast<std::uint32_t>(slot.instruction));
}

// The code id of a frame; kCodeUnknown when it cannot be read; false when there is no room.
bool InternCode(ThreadState& t, const FrameEntry& entry, std::uint32_t* id) noexcept {
  StackCache& cache = t.stacks;
  // A code object that is being destroyed, or no code object at all: never a guess.
  if (cpython::TypeOf(entry.code) != g_agent.python.code_type ||
      cpython::IsDying(*g_agent.python.layout, entry.code)) {
    *id = wire::kCodeUnknown;
    return true;
  }
  if (!Reserve(
          cache.codes, cache.code_capacity, cache.code_count, 128,
          [](const CodeSlot& s) { return s.id != 0; }, HashCode)) {
    return false;
  }
  CodeSlot wanted{entry.code, GenerationOf(entry.code).load(std::memory_order_relaxed), 0, 0};
  std::size_t at = HashCode(wanted) & (cache.code_capacity - 1);
  while (cache.codes[at].id != 0) {
    CodeSlot& slot = cache.codes[at];
    if (slot.code == wanted.code && slot.generation == wanted.generation) {
      if (slot.needs_module != 0 && WriteCodeModule(t, slot.id, entry.frame)) {
        slot.needs_module = 0;
      }
      *id = slot.id;
      return true;
    }
    at = (at + 1) & (cache.code_capacity - 1);
  }
  bool has_module = false;
  if (!WriteCodeDefinition(t, entry.code, entry.frame, &has_module)) return false;
  wanted.id = wire::kFirstCode + cache.code_count++;
  wanted.needs_module = has_module ? 0 : 1;
  cache.codes[at] = wanted;
  *id = wanted.id;
  return true;
}

bool InternNode(ThreadState& t, std::uint32_t parent, const FrameEntry& entry,
                std::uint32_t* node) noexcept {
  StackCache& cache = t.stacks;
  NodeSlot wanted{parent, 0, entry.instruction, 0};
  if (!InternCode(t, entry, &wanted.code)) return false;
  if (wanted.code == wire::kCodeUnknown) wanted.instruction = -1;
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
  wanted.node = wire::kFirstNode + cache.node_count++;
  cache.nodes[at] = wanted;
  *node = wanted.node;
  return true;
}

bool SameFrame(const FrameEntry& a, const FrameEntry& b) noexcept {
  return a.code == b.code && a.instruction == b.instruction;
}

}  // namespace

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
  bool truncated = false;
  const int walked = WalkFrames(cache, thread, &truncated);
  if (walked < 0) return wire::kStackUnknown;
  const auto depth = static_cast<std::size_t>(walked);
  const FrameEntry* fresh = cache.scratch + cache.capacity - depth;  // root first

  const std::uint64_t epoch = g_code_epoch.load(std::memory_order_acquire);
  std::size_t common = 0;
  if (epoch == cache.code_epoch && !truncated) {
    const std::size_t most = depth < cache.depth ? depth : cache.depth;
    while (common < most && SameFrame(fresh[common], cache.chain[common])) ++common;
  }
  if (common == depth && depth != 0) {
    cache.depth = depth;  // what lay above has returned
    return cache.chain[depth - 1].node;
  }
  std::uint32_t node = common == 0 ? (truncated ? wire::kStackTruncated : wire::kStackNone)
                                   : cache.chain[common - 1].node;
  cache.depth = 0;  // no valid cache until all is written
  if (common == 0) NameThread(t, fresh, depth);
  for (std::size_t i = common; i < depth; ++i) {
    cache.chain[i] = fresh[i];
    if (!InternNode(t, node, fresh[i], &node)) return wire::kStackUnknown;
    cache.chain[i].node = node;
  }
  cache.code_epoch = truncated ? 0 : epoch;
  cache.depth = depth;
  return node;
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
  cache.depth = 0;
  cache.code_epoch = 0;
  cache.code_count = 0;
  cache.node_count = 0;
  if (cache.codes != nullptr) std::memset(cache.codes, 0, cache.code_capacity * sizeof(CodeSlot));
  if (cache.nodes != nullptr) std::memset(cache.nodes, 0, cache.node_capacity * sizeof(NodeSlot));
}

}  // namespace memwhy::agent
