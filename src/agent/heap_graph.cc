// SPDX-License-Identifier: Apache-2.0
#include "agent/heap_graph.h"

#include <cstring>

#include "agent/agent.h"
#include "agent/block_index.h"
#include "agent/graph_file.h"
#include "agent/key_text.h"
#include "agent/python_api.h"
#include "agent/type_table.h"
#include "cpython/attributes.h"
#include "cpython/frames.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Family;
using cpython::Peek;
using cpython::PeekPointer;
using wire::GraphTag;
using wire::Label;
using wire::RootKind;

constexpr std::size_t kBodyWords = 512;         // of an object's body, searched for pointers
constexpr std::size_t kBlockBytes = 64 * 1024;  // of a native block, likewise
constexpr std::size_t kFetchBlocks = 64;        // copied by one system call
constexpr std::size_t kFetchBytes = 512 * 1024;
// First guesses, on the high side of what was measured on the demo service (busy 2-core machine);
// from the second walk on, the first one's own pause tells.
constexpr std::uint64_t kNanosecondsPerObject = 400;
constexpr std::uint64_t kNanosecondsPerBlock = 1500;
// The queue, its doubling, and the table of visited objects; the index of native blocks.
constexpr std::uint64_t kBytesPerNode = 64;
constexpr std::uint64_t kFixedBytes = 4u << 20;
std::uint64_t g_last_guess_ns = 0;
std::uint64_t g_last_pause_ns = 0;

std::uint64_t PredictPause(std::uint64_t objects, std::uint64_t blocks, std::uint64_t* guess) {
  *guess = objects * kNanosecondsPerObject + blocks * kNanosecondsPerBlock;
  if (g_last_guess_ns == 0) return *guess;
  return static_cast<std::uint64_t>(static_cast<double>(*guess) /
                                    static_cast<double>(g_last_guess_ns) *
                                    static_cast<double>(g_last_pause_ns));
}

struct Node {
  std::uint64_t address;  // of the object; for a block its index
  bool is_block;
  bool is_searched;  // a block whose content is searched for pointers
};

// Breadth-first search over the objects; its queue is the list of nodes itself.
class Walk {
 public:
  Walk(GraphFile& file, BlockIndex& blocks) noexcept : file_(file), blocks_(blocks) {
    types_.LoadLibraryRanges();
  }
  ~Walk() {
    FreeRaw(nodes_);
    FreeRaw(visited_);
    FreeRaw(scratch_);
    types_.Release();
  }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  void AddModules() noexcept;
  void AddFrames() noexcept;
  void AddThreadStates() noexcept;
  void Run() noexcept {
    while (next_ < count_ && !failed_) Visit(static_cast<std::uint32_t>(next_++));
  }

  bool failed() const { return failed_; }
  std::uint64_t objects() const { return objects_; }
  std::uint64_t blocks() const { return count_ - objects_; }

 private:
  std::uint32_t NewRoot(RootKind kind, const char* text, std::size_t bytes) noexcept;
  void Reach(Address object, const GraphLabel& label) noexcept;
  void ReachBlock(std::uint32_t index, std::uint64_t offset, bool is_searched, bool from_root,
                  std::uint32_t parent) noexcept;
  bool IsVisited(Address object) const noexcept;
  bool AddNode(const Node& node) noexcept;
  void Visit(std::uint32_t number) noexcept;
  void VisitObject(Address object) noexcept;
  void VisitBlock(std::uint32_t number) noexcept;
  bool FetchBlocks(std::size_t first) noexcept;
  void VisitDict(Address dict) noexcept;
  void VisitAttributes(Address object) noexcept;
  void VisitBody(Address object, const TypeFacts& facts) noexcept;
  void FollowWord(std::uint64_t word, std::uint64_t offset, bool is_searched) noexcept;
  GraphLabel KeyLabel(Address key, Label text_kind) noexcept;
  std::int64_t ShallowBytes(Address object, const TypeFacts& facts) const noexcept;
  std::int64_t LengthOf(Address object, const TypeFacts& facts) const noexcept;
  Address BufferOf(Address object, const TypeFacts& facts) const noexcept;
  template <Family family>
  void AddFramesOf(Address thread) noexcept;
  static int OnReference(void* object, void* self) noexcept;

  GraphFile& file_;
  BlockIndex& blocks_;
  TypeTable types_;
  RawArray<Node> nodes_;
  std::size_t count_ = 0;
  std::size_t next_ = 0;
  RawArray<std::uint32_t> visited_;  // open addressing: node number + 1
  std::size_t visited_count_ = 0;
  struct Fetched {
    const std::uint64_t* content;
    std::size_t words;
  };
  RawArray<std::uint64_t> scratch_;  // content of the fetched blocks
  Fetched fetched_[kFetchBlocks];
  std::size_t fetched_from_ = 0;  // node number
  std::size_t fetched_count_ = 0;
  std::uint64_t objects_ = 0;
  std::uint32_t roots_ = 0;
  // Where the walk stands: the parent of whatever is reached now.
  bool at_root_ = true;
  std::uint32_t at_ = 0;
  Shape at_shape_ = Shape::kInstance;
  std::int64_t last_address_ = 0;
  bool failed_ = false;
  char text_[wire::kMaxLabelBytes];
};

std::size_t HashAddress(Address address) noexcept {
  return static_cast<std::size_t>((address >> 4) * 0x9e3779b97f4a7c15ull >> 24);
}

bool Walk::IsVisited(Address object) const noexcept {
  if (visited_.capacity == 0) return false;
  const std::size_t mask = visited_.capacity - 1;
  for (std::size_t at = HashAddress(object) & mask; visited_.items[at] != 0; at = (at + 1) & mask) {
    if (nodes_.items[visited_.items[at] - 1].address == object) return true;
  }
  return false;
}

bool Walk::AddNode(const Node& node) noexcept {
  if (!GrowRaw(nodes_, count_ + 1)) {
    failed_ = true;
    return false;
  }
  nodes_.items[count_++] = node;
  if (node.is_block) return true;
  ++objects_;
  if (++visited_count_ * 2 > visited_.capacity) {
    RawArray<std::uint32_t> wider;
    const std::size_t capacity = visited_.capacity == 0 ? 1 << 16 : visited_.capacity * 2;
    wider.items = static_cast<std::uint32_t*>(MapRaw(capacity * sizeof(std::uint32_t)));
    wider.capacity = capacity;
    if (wider.items == nullptr) {
      failed_ = true;
      return false;
    }
    for (std::size_t i = 0; i < visited_.capacity; ++i) {
      if (visited_.items[i] == 0) continue;
      std::size_t at = HashAddress(nodes_.items[visited_.items[i] - 1].address) & (capacity - 1);
      while (wider.items[at] != 0) at = (at + 1) & (capacity - 1);
      wider.items[at] = visited_.items[i];
    }
    FreeRaw(visited_);
    visited_ = wider;
  }
  const std::size_t mask = visited_.capacity - 1;
  std::size_t at = HashAddress(node.address) & mask;
  while (visited_.items[at] != 0) at = (at + 1) & mask;
  visited_.items[at] = static_cast<std::uint32_t>(count_);
  return true;
}

std::uint32_t Walk::NewRoot(RootKind kind, const char* text, std::size_t bytes) noexcept {
  file_.PutByte(static_cast<std::uint8_t>(GraphTag::kRoot));
  file_.PutByte(static_cast<std::uint8_t>(kind));
  file_.PutText(text, bytes);
  at_root_ = true;
  at_ = roots_++;
  at_shape_ = Shape::kInstance;
  return at_;
}

void Walk::Reach(Address object, const GraphLabel& label) noexcept {
  if (object == 0 || failed_ || IsVisited(object)) return;
  const TypeFacts* facts = types_.Get(cpython::TypeOf(object), file_);
  if (facts == nullptr || !AddNode({object, false, false})) {
    failed_ = true;
    return;
  }
  file_.PutByte(static_cast<std::uint8_t>(GraphTag::kObject));
  file_.PutParent(at_root_, at_);
  file_.PutLabel(label);
  file_.PutNumber(facts->id);
  file_.PutSigned(static_cast<std::int64_t>(object) - last_address_);
  last_address_ = static_cast<std::int64_t>(object);
  file_.PutNumber(static_cast<std::uint64_t>(ShallowBytes(object, *facts)));
  const std::int64_t length = LengthOf(object, *facts);
  file_.PutNumber(static_cast<std::uint64_t>(length + 1));
  if (length >= 0) file_.PutNumber(BufferOf(object, *facts) >> 3);
  // The block that the object itself lies in (behind its gc head and attribute pointers) is its
  // own.
  const std::uint32_t index = blocks_.Find(object);
  if (index != BlockIndex::kNone && object - blocks_.block(index).address <= 32) {
    ReachBlock(index, 0, false, false, static_cast<std::uint32_t>(count_ - 1));
  }
}

void Walk::ReachBlock(std::uint32_t index, std::uint64_t offset, bool is_searched, bool from_root,
                      std::uint32_t parent) noexcept {
  if (failed_ || blocks_.IsClaimed(index)) return;
  blocks_.Claim(index);
  const NativeBlock& block = blocks_.block(index);
  if (!AddNode({index, true, is_searched})) return;
  file_.PutByte(static_cast<std::uint8_t>(GraphTag::kBlock));
  file_.PutParent(from_root, parent);
  file_.PutLabel({Label::kNative, static_cast<std::int64_t>(offset), nullptr, 0});
  file_.PutSigned(static_cast<std::int64_t>(block.address) - last_address_);
  last_address_ = static_cast<std::int64_t>(block.address);
  file_.PutNumber(block.size);
}

// The label of a dict entry, or of a name.
GraphLabel Walk::KeyLabel(Address key, Label text_kind) noexcept {
  const Address type = cpython::TypeOf(key);
  const auto flags = Peek<std::uint64_t>(type, cpython::kTypeFlags);
  if ((flags & cpython::kFlagStr) != 0) {
    const int n = cpython::PeekText(*g_agent.python.layout, key, text_, sizeof(text_));
    if (n >= 0) {
      return {text_kind, 0, text_, CutText(text_, static_cast<std::size_t>(n))};
    }
  }
  if (std::int64_t value = 0; type == g_python_api.int_type && PeekSmallInt(key, &value)) {
    return {Label::kNumberKey, value, nullptr, 0};
  }
  const auto* name = reinterpret_cast<const char*>(PeekPointer(type, cpython::kTypeName));
  return {Label::kOtherKey, 0, name, strnlen(name, 64)};
}

std::int64_t Walk::LengthOf(Address object, const TypeFacts& facts) const noexcept {
  switch (facts.shape) {
    case Shape::kDict:
      return Peek<std::int64_t>(object, g_agent.python.layout->dict_used);
    case Shape::kList:
    case Shape::kTuple:
      return Peek<std::int64_t>(object, cpython::kVarSize);
    case Shape::kSet:
      return Peek<std::int64_t>(object, 24);  // PySetObject.used
    case Shape::kInstance: {
      const auto* name = reinterpret_cast<const char*>(PeekPointer(facts.type, cpython::kTypeName));
      if (std::strcmp(name, "collections.deque") == 0) {
        return Peek<std::int64_t>(object, cpython::kVarSize);
      }
      return -1;
    }
    default:
      return -1;
  }
}

// The table or array of a built-in container, which grows apart from the object itself.
Address Walk::BufferOf(Address object, const TypeFacts& facts) const noexcept {
  switch (facts.shape) {
    case Shape::kDict:
      return PeekPointer(object, g_agent.python.layout->dict_keys);
    case Shape::kList:
      return PeekPointer(object, cpython::kListItems);
    case Shape::kSet:
      return PeekPointer(object, 40);  // PySetObject: fill, used, mask, table
    default:
      return 0;
  }
}

std::int64_t Walk::ShallowBytes(Address object, const TypeFacts& facts) const noexcept {
  std::int64_t bytes = facts.basic_bytes;
  if (facts.is_collected) bytes += g_agent.python.layout->gc_head_bytes;
  const PythonApi& api = g_python_api;
  if (facts.type == api.str_type) {
    const auto length = Peek<std::int64_t>(object, 16);
    const auto state = Peek<std::uint32_t>(object, 32);
    const cpython::Layout& layout = *g_agent.python.layout;
    const std::uint32_t kind = (state >> 2) & 7;
    if (((state >> 5) & 1) == 0) return bytes;  // not compact: old style, its buffer apart
    return ((state >> 6) & 1) != 0 ? layout.unicode_ascii_bytes + length + 1
                                   : layout.unicode_compact_bytes + (length + 1) * kind;
  }
  if (facts.type == api.int_type) {
    const auto size = Peek<std::int64_t>(object, cpython::kVarSize);
    return g_agent.python.layout->minor >= 12 ? 24 + 4 * ((size >> 3) + ((size >> 3) == 0))
                                              : 24 + 4 * (size < 0 ? -size : size);
  }
  if (facts.type == api.bytes_type || facts.shape == Shape::kTuple) {
    return bytes + facts.item_bytes * Peek<std::int64_t>(object, cpython::kVarSize);
  }
  if (facts.shape == Shape::kList) {
    return bytes + 8 * Peek<std::int64_t>(object, 32);  // allocated
  }
  if (facts.shape == Shape::kDict) {
    // Index and entries of the keys table, from its size.
    const cpython::Layout& layout = *g_agent.python.layout;
    const Address keys = PeekPointer(object, layout.dict_keys);
    const auto entries = Peek<std::int64_t>(keys, layout.keys_entry_count);
    return bytes + entries * 24;
  }
  return bytes;
}

void Walk::VisitDict(Address dict) noexcept {
  std::ptrdiff_t position = 0;
  void* key = nullptr;
  void* value = nullptr;
  // PyDict_Next changes nothing and allocates nothing (Objects/dictobject.c).
  while (g_python_api.PyDict_Next(reinterpret_cast<void*>(dict), &position, &key, &value) != 0) {
    Reach(reinterpret_cast<Address>(value),
          KeyLabel(reinterpret_cast<Address>(key), Label::kTextKey));
    Reach(reinterpret_cast<Address>(key), {Label::kItem, 0, nullptr, 0});
  }
}

void Walk::VisitAttributes(Address object) noexcept {
  const cpython::Attributes found = cpython::FindAttributes(*g_agent.python.layout, object);
  Reach(found.dict, {Label::kDict, 0, nullptr, 0});
  for (std::int64_t i = 0; found.values != 0 && i < found.count; ++i) {
    const Address value = PeekPointer(found.values + static_cast<Address>(i) * 8, 0);
    const Address key = PeekPointer(found.entries + static_cast<Address>(i) * 16, 0);
    if (value != 0 && key != 0) Reach(value, KeyLabel(key, Label::kAttribute));
  }
}

int Walk::OnReference(void* object, void* self) noexcept {
  auto* walk = static_cast<Walk*>(self);
  GraphLabel label;
  if (walk->at_shape_ == Shape::kSet) label.kind = Label::kItem;
  if (walk->at_shape_ == Shape::kCell) label = {Label::kCell, 0, "cell_contents", 13};
  if (walk->at_shape_ == Shape::kFunction &&
      cpython::TypeOf(reinterpret_cast<Address>(object)) == g_python_api.tuple_type) {
    label = {Label::kAttribute, 0, "__closure__", 11};
  }
  walk->Reach(reinterpret_cast<Address>(object), label);
  return walk->failed_ ? 1 : 0;
}

// A pointer found in a body or a block, perhaps to a live block. The blocks of objects are claimed
// when these are reached, which is before the bodies of those that refer to them are searched.
void Walk::FollowWord(std::uint64_t word, std::uint64_t offset, bool is_searched) noexcept {
  if (word < 4096 || word >> 47 != 0) return;
  const std::uint32_t index = blocks_.Find(word);
  if (index == BlockIndex::kNone || blocks_.IsClaimed(index)) return;
  ReachBlock(index, offset, is_searched, false, at_);
}

void Walk::VisitBody(Address object, const TypeFacts& facts) noexcept {
  // Buffers of the plain containers hold only what was visited already.
  const bool is_plain = facts.is_exact;
  std::size_t words = static_cast<std::size_t>(facts.basic_bytes) / 8;
  if (words > kBodyWords) words = kBodyWords;
  for (std::size_t i = 2; i < words; ++i) {
    FollowWord(PeekPointer(object, static_cast<std::uint32_t>(8 * i)), 8 * i, !is_plain);
  }
  if (facts.has_managed_dict && g_agent.python.layout->minor == 11) {
    FollowWord(PeekPointer(object - 32, 0), 0, false);
  }
}

void Walk::VisitObject(Address object) noexcept {
  const TypeFacts* facts = types_.Get(cpython::TypeOf(object), file_);
  if (facts == nullptr) return;
  if (facts->shape == Shape::kLeaf) return;
  at_shape_ = facts->shape;
  switch (facts->shape) {
    case Shape::kDict:
      VisitDict(object);
      break;
    case Shape::kList:
    case Shape::kTuple: {
      const auto count = Peek<std::int64_t>(object, cpython::kVarSize);
      const Address items = facts->shape == Shape::kTuple
                                ? object + g_agent.python.layout->tuple_items
                                : PeekPointer(object, cpython::kListItems);
      for (std::int64_t i = 0; i < count; ++i) {
        Reach(PeekPointer(items + static_cast<Address>(i) * 8, 0), {Label::kIndex, i, nullptr, 0});
      }
      break;
    }
    case Shape::kModule:
      Reach(
          reinterpret_cast<Address>(g_python_api.PyModule_GetDict(reinterpret_cast<void*>(object))),
          {Label::kDict, 0, nullptr, 0});
      break;
    case Shape::kType:
      Reach(PeekPointer(object, cpython::kTypeDict), {Label::kDict, 0, nullptr, 0});
      break;
    case Shape::kLeaf:
    case Shape::kSet:
    case Shape::kFunction:
    case Shape::kCell:
    case Shape::kInstance:
      break;
  }
  if (facts->shape == Shape::kInstance || !facts->is_exact) VisitAttributes(object);
  const bool is_collected =
      facts->is_collected && facts->traverse != nullptr &&
      (facts->is_gc == nullptr || facts->is_gc(reinterpret_cast<void*>(object)) != 0);
  // What is left, without names. The built-in ones were read in full above.
  const bool is_done =
      facts->is_exact && (facts->shape == Shape::kDict || facts->shape == Shape::kList ||
                          facts->shape == Shape::kTuple);
  if (is_collected && !is_done) {
    facts->traverse(reinterpret_cast<void*>(object), &OnReference, this);
  }
  if (blocks_.count() != 0) VisitBody(object, *facts);
}

// Copies the content of the blocks that come next in the queue, many by one system call: without
// the GIL other threads may unmap them meanwhile.
bool Walk::FetchBlocks(std::size_t first) noexcept {
  if (!GrowRaw(scratch_, kFetchBytes / 8)) return false;
  CarefulCopy copies[kFetchBlocks];
  std::size_t used = 0;
  fetched_from_ = first;
  fetched_count_ = 0;
  for (std::size_t n = first; n < count_ && fetched_count_ < kFetchBlocks; ++n) {
    const Node& node = nodes_.items[n];
    if (!node.is_block || !node.is_searched) break;
    const NativeBlock& block = blocks_.block(static_cast<std::uint32_t>(node.address));
    const std::size_t bytes =
        (block.size < kBlockBytes ? block.size : kBlockBytes) & ~std::size_t{7};
    if (used + bytes > kFetchBytes) break;
    copies[fetched_count_++] = {block.address, reinterpret_cast<char*>(scratch_.items) + used,
                                bytes, 0};
    used += bytes;
  }
  CopyManyCarefully(copies, fetched_count_);
  for (std::size_t i = 0; i < fetched_count_; ++i) {
    fetched_[i] = {static_cast<const std::uint64_t*>(copies[i].to), copies[i].copied / 8};
  }
  return fetched_count_ != 0;
}

void Walk::VisitBlock(std::uint32_t number) noexcept {
  const bool is_fetched = number >= fetched_from_ && number < fetched_from_ + fetched_count_;
  if (!is_fetched && !FetchBlocks(number)) return;
  const Fetched fetched = fetched_[number - fetched_from_];
  if (fetched.words >= 2) {
    const std::uint32_t type = types_.NativeType(fetched.content[0], file_);
    if (type != 0) {
      file_.PutByte(static_cast<std::uint8_t>(GraphTag::kBlockClass));
      file_.PutNumber(number);
      file_.PutNumber(type);
    }
  }
  for (std::size_t i = 0; i < fetched.words; ++i) FollowWord(fetched.content[i], 8 * i, true);
}

void Walk::Visit(std::uint32_t number) noexcept {
  at_root_ = false;
  at_ = number;
  const Node node = nodes_.items[number];
  if (!node.is_block) {
    VisitObject(node.address);
  } else if (node.is_searched) {
    VisitBlock(number);
  }
}

void Walk::AddModules() noexcept {
  std::ptrdiff_t position = 0;
  void* key = nullptr;
  void* value = nullptr;
  void* modules = g_python_api.PyImport_GetModuleDict();
  while (modules != nullptr && g_python_api.PyDict_Next(modules, &position, &key, &value) != 0) {
    const GraphLabel name = KeyLabel(reinterpret_cast<Address>(key), Label::kTextKey);
    if (name.kind != Label::kTextKey) continue;
    NewRoot(RootKind::kModuleGlobal, name.text, name.text_bytes);
    Reach(reinterpret_cast<Address>(value), {});
  }
}

template <Family family>
void Walk::AddFramesOf(Address thread) noexcept {
  const cpython::Layout& layout = *g_agent.python.layout;
  for (Address frame = cpython::TopFrame<family>(layout, thread); frame != 0;
       frame = PeekPointer(frame, layout.frame_previous)) {
    Address code = 0;
    std::int32_t instruction = 0;
    if (!cpython::ReadFrame<family>(layout, frame, &code, &instruction)) continue;
    if (cpython::TypeOf(code) != g_agent.python.code_type) continue;
    const bool qualified = layout.code_qualname != cpython::kAbsent;
    const GraphLabel name = KeyLabel(
        PeekPointer(code, qualified ? layout.code_qualname : layout.code_name), Label::kTextKey);
    if (name.kind != Label::kTextKey) continue;
    NewRoot(RootKind::kFrameLocal, name.text, name.text_bytes);
    const Address names = PeekPointer(code, layout.code_locals_names);
    const int count = Peek<int>(code, layout.code_locals_count);
    for (int i = 0; i < count; ++i) {
      const Address value =
          PeekPointer(frame + layout.frame_locals + static_cast<Address>(i) * 8, 0) &
          ~Address{layout.frame_tag};
      const Address local =
          PeekPointer(names + g_agent.python.layout->tuple_items + static_cast<Address>(i) * 8, 0);
      if (value != 0) Reach(value, KeyLabel(local, Label::kLocal));
    }
  }
}

void Walk::AddFrames() noexcept {
  const PythonApi& api = g_python_api;
  if (api.PyInterpreterState_Get == nullptr) return;
  void* thread = api.PyInterpreterState_ThreadHead(api.PyInterpreterState_Get());
  for (; thread != nullptr; thread = api.PyThreadState_Next(thread)) {
    const auto at = reinterpret_cast<Address>(thread);
    switch (cpython::FamilyOf(*g_agent.python.layout)) {
      case Family::kFrameObjects:
        AddFramesOf<Family::kFrameObjects>(at);
        break;
      case Family::kCFrames:
        AddFramesOf<Family::kCFrames>(at);
        break;
      case Family::kThreadFrames:
        AddFramesOf<Family::kThreadFrames>(at);
        break;
    }
  }
}

void Walk::AddThreadStates() noexcept {
  const PythonApi& api = g_python_api;
  const cpython::Layout& layout = *g_agent.python.layout;
  if (api.PyInterpreterState_Get == nullptr) return;
  void* thread = api.PyInterpreterState_ThreadHead(api.PyInterpreterState_Get());
  for (; thread != nullptr; thread = api.PyThreadState_Next(thread)) {
    const auto at = reinterpret_cast<Address>(thread);
    NewRoot(RootKind::kThreadState, "thread state", 12);
    Reach(PeekPointer(at, layout.thread_dict), {Label::kAttribute, 0, "dict", 4});
    Reach(PeekPointer(at, layout.thread_context), {Label::kAttribute, 0, "context", 7});
  }
}

}  // namespace

HeapGraphResult WriteHeapGraph(const char* blocks_path, const char* output_path,
                               std::uint64_t limit_ns, bool takes_gil) noexcept {
  HeapGraphResult result;
  const PythonApi& api = g_python_api;
  BlockIndex blocks;
  GraphFile file;
  std::uint64_t guess = 0;
  if (blocks_path[0] != 0 && !blocks.Load(blocks_path)) {
    result.error = "the list of live blocks is damaged";
  } else {
    const std::ptrdiff_t allocated =
        api.GetAllocatedBlocks == nullptr ? 0 : api.GetAllocatedBlocks();
    result.predicted_ns =
        PredictPause(static_cast<std::uint64_t>(allocated), blocks.count(), &guess);
    result.predicted_bytes =
        kFixedBytes + (static_cast<std::uint64_t>(allocated) + blocks.count()) * kBytesPerNode;
    // Told before it happens, so that whoever asked can print it.
    g_agent.ring->request_predicted_bytes.store(result.predicted_bytes, std::memory_order_relaxed);
    g_agent.ring->request_predicted_ns.store(result.predicted_ns, std::memory_order_release);
    if (limit_ns != 0 && result.predicted_ns > limit_ns) {
      result.error = "the predicted pause is beyond the limit (--max-pause)";
    } else if (!file.Open(output_path)) {
      result.error = "the heap graph's file could not be opened";
    }
  }
  if (result.error == nullptr) {
    file.PutHeader();
    Walk walk(file, blocks);
    const int state = takes_gil ? api.PyGILState_Ensure() : 0;
    const std::uint64_t began = wire::MonotonicNs();
    walk.AddModules();
    walk.Run();
    walk.AddFrames();
    walk.Run();
    walk.AddThreadStates();
    walk.Run();
    if (takes_gil) api.PyGILState_Release(state);
    result.pause_ns = wire::MonotonicNs() - began;
    g_last_guess_ns = guess;
    g_last_pause_ns = result.pause_ns;
    file.PutByte(static_cast<std::uint8_t>(GraphTag::kEnd));
    file.PutNumber(walk.objects());
    file.PutNumber(walk.blocks());
    file.PutNumber(result.predicted_ns);
    if (walk.failed()) result.error = "no memory for the walk";
  }
  if (!file.Close() && result.error == nullptr) {
    result.error = "the heap graph's file could not be written";
  }
  blocks.Unload();
  return result;
}

}  // namespace memwhy::agent
