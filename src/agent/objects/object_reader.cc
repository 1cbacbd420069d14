// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/object_reader.h"

#include <cstring>

#include "agent/ground/agent.h"
#include "agent/objects/greenlet_state.h"
#include "agent/python/dict_table.h"
#include "cpython/attributes.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::EdgeKind;
using wire::ShapeRest;

std::uint32_t MemberOffset(const cpython::Reference* list, const char* name) noexcept {
  for (; list->name != nullptr; ++list) {
    if (std::strcmp(list->name, name) == 0) return list->offset;
  }
  return cpython::kAbsent;
}

}  // namespace

int ObjectReader::OnTold(void* target, void* edges) noexcept {
  static_cast<EdgeList*>(edges)->Tell(reinterpret_cast<Address>(target));
  return 0;
}

int ObjectReader::OnBaseTold(void* target, void* self) noexcept {
  auto* reader = static_cast<ObjectReader*>(self);
  return reader->base_told_.Push(reinterpret_cast<Address>(target)) ? 0 : 1;
}

void ObjectReader::Traverse(const DumpType& facts, Address object, EdgeList& edges) noexcept {
  if (!facts.is_collected || facts.traverse == nullptr) return;
  auto* at = reinterpret_cast<void*>(object);
  if (facts.is_gc != nullptr && facts.is_gc(at) == 0) return;
  facts.traverse(at, &OnTold, &edges);
}

// Members by name. With `is_complete` each is a reference that the traversal would tell too, so
// that it was not asked.
void ObjectReader::ReadMembers(const DumpType& facts, Address object, bool is_complete,
                               EdgeList& edges) noexcept {
  for (const NamedMember& member : facts.members) {
    Address value = PeekPointer(object, member.offset);
    if (value != 0 && !edges.Untell(value) && !is_complete && !types_.IsObject(value)) value = 0;
    edges.AddNamed(value, {member.kind, member.name, 0});
  }
}

void ObjectReader::ReadAttributes(const DumpType& facts, Address object, bool is_complete,
                                  EdgeList& edges) noexcept {
  if (!facts.has_attributes) return;
  const cpython::Attributes found = cpython::FindAttributes(TheLayout(), object);
  const bool is_dict_told = found.dict != 0 && (is_complete || edges.Untell(found.dict));
  edges.AddNamed(is_dict_told ? found.dict : 0, {EdgeKind::kAttributes, "__dict__", 0});
  for (std::int64_t i = 0; found.values != 0 && i < found.count; ++i) {
    const Address value = PeekPointer(found.values + static_cast<Address>(i) * 8, 0);
    const Address key =
        PeekPointer(found.entries + static_cast<Address>(i) * cpython::kShortEntryBytes,
                    cpython::kShortEntryKey);
    // Of an object with a dict the traversal leaves the values to the dict, from 3.13.3 on.
    const bool is_told = value != 0 && (is_complete || edges.Untell(value) || is_dict_told);
    edges.AddNamed(is_told ? value : 0, {EdgeKind::kAttribute, nullptr, key});
  }
}

void ObjectReader::ReadInstance(DumpType& facts, Address object, EdgeList& edges) noexcept {
  const cpython::Attributes found =
      facts.has_attributes ? cpython::FindAttributes(TheLayout(), object) : cpython::Attributes{};
  const std::int64_t count = found.values == 0 ? 0 : found.count;
  if (facts.shape_count == count && facts.shape_keys == found.entries) {
    edges.has_shape = true;
    edges.shape = facts.shape;
  }
  facts.shape_keys = found.entries;
  facts.shape_count = count;
  for (const NamedMember& member : facts.members) {
    edges.AddNamed(PeekPointer(object, member.offset), {member.kind, member.name, 0});
  }
  if (facts.has_attributes) {
    edges.AddNamed(found.dict, {EdgeKind::kAttributes, "__dict__", 0});
    for (std::int64_t i = 0; i < count; ++i) {
      edges.AddNamed(PeekPointer(found.values + static_cast<Address>(i) * 8, 0),
                     {EdgeKind::kAttribute, nullptr,
                      edges.has_shape ? 0
                                      : PeekPointer(found.entries + static_cast<Address>(i) *
                                                                        cpython::kShortEntryBytes,
                                                    cpython::kShortEntryKey)});
    }
  }
}

void ObjectReader::ReadType(Address type, EdgeList& edges) noexcept {
  const cpython::Layout& layout = TheLayout();
  const PythonApi& api = g_python_api;
  const bool is_heap =
      (Peek<std::uint64_t>(type, cpython::kTypeFlags) & cpython::kFlagHeapType) != 0;
  Address dict = PeekPointer(type, cpython::kTypeDict);
  if (dict == 0 && api.PyType_GetDict != nullptr && api.Py_DecRef != nullptr) {
    // 3.12+: a built-in type's dict belongs to the interpreter.
    void* own = api.PyType_GetDict(reinterpret_cast<void*>(type));
    if (own != nullptr) {
      dict = reinterpret_cast<Address>(own);
      api.Py_DecRef(own);
    }
  }
  struct Field {
    std::uint32_t offset;
    const char* name;
  };
  constexpr Field kFields[] = {{336, "__bases__"},
                               {344, "__mro__"},
                               {352, "tp_cache"},
                               {360, "tp_subclasses"},
                               {cpython::kTypeBase, "__base__"}};
  edges.Untell(dict);
  edges.AddNamed(dict, {EdgeKind::kAttributes, "__dict__", 0});
  for (const Field& field : kFields) {
    Address value = PeekPointer(type, field.offset);
    // 3.12+ keeps small numbers where a built-in type's subclasses were.
    if (value != 0 && !edges.Untell(value) && !types_.IsObject(value)) value = 0;
    edges.AddNamed(value,
                   {field.offset < 350 || field.offset == cpython::kTypeBase ? EdgeKind::kAttribute
                                                                             : EdgeKind::kInternal,
                    field.name, 0});
  }
  if (!is_heap) return;
  const Field own[] = {{layout.type_heap_name, "__name__"},
                       {layout.type_qualified_name, "__qualname__"},
                       {layout.type_slots, "__slots__"}};
  for (const Field& field : own) {
    const Address value = PeekPointer(type, field.offset);
    edges.AddNamed(value != 0 && types_.IsObject(value) ? value : 0,
                   {EdgeKind::kAttribute, field.name, 0});
  }
  edges.AddTold();
  const Address keys = PeekPointer(type, layout.type_cached_keys);
  if (keys == 0) return;
  const Address entries = keys + layout.keys_indices + static_cast<Address>(IndexBytes(keys));
  const auto count = Peek<std::int64_t>(keys, layout.keys_entry_count);
  const std::uint32_t entry_bytes = EntryBytes(keys);
  for (std::int64_t i = 0; i < count && i < 1024; ++i) {
    const Address key =
        PeekPointer(entries + static_cast<Address>(i) * entry_bytes, KeyAt(entry_bytes));
    if (key != 0 && types_.IsObject(key)) edges.Add(key);
  }
}

void ObjectReader::ReadCode(Address code, EdgeList& edges) noexcept {
  const cpython::Layout& layout = TheLayout();
  for (const cpython::Reference* r = layout.code_references; r->name != nullptr; ++r) {
    const Address value = PeekPointer(code, r->offset);
    edges.AddNamed(value != 0 && types_.IsObject(value) ? value : 0,
                   {EdgeKind::kAttribute, r->name, 0});
  }
  if (layout.code_cached == cpython::kAbsent) return;
  const Address cached = PeekPointer(code, layout.code_cached);
  if (cached == 0 || !map_.IsReadable(cached, 32)) return;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Address value = PeekPointer(cached, 8 * i);
    if (value != 0 && types_.IsObject(value)) edges.Add(value);
  }
}

void ObjectReader::ReadLocals(Address code, Address locals, bool is_owner,
                              EdgeList& edges) noexcept {
  const cpython::Layout& layout = TheLayout();
  const int count = Peek<int>(code, layout.code_locals_count);
  if (count < 0 || count > 1 << 16) return;
  const auto read = [&](Address names, int from, int number) {
    for (int i = 0; i < number; ++i) {
      const Address place = locals + static_cast<Address>(from + i) * 8;
      const Address word = PeekPointer(place, 0);
      Address value = word & ~Address{layout.frame_tag};
      // 3.14: a tagged reference is borrowed, or of an immortal object.
      if (value != word) value = 0;
      if (value != 0 && !is_owner && !edges.Untell(value)) value = 0;
      if (value != 0 && is_owner && !types_.IsObject(value)) value = 0;
      const Address name =
          PeekPointer(names + TheLayout().tuple_items + static_cast<Address>(i) * 8, 0);
      edges.AddNamed(value, {EdgeKind::kLocal, nullptr, name});
    }
  };
  const Address names = PeekPointer(code, layout.code_locals_names);
  if (names == 0) return;
  read(names, 0, count);
  if (layout.minor >= 11) return;
  // Up to 3.10 the cells follow: cell variables, then free ones.
  int from = count;
  for (const char* member : {"co_cellvars", "co_freevars"}) {
    const std::uint32_t offset = MemberOffset(layout.code_references, member);
    const Address tuple = offset == cpython::kAbsent ? 0 : PeekPointer(code, offset);
    if (tuple == 0) continue;
    const auto number = static_cast<int>(Peek<std::int64_t>(tuple, cpython::kVarSize));
    read(tuple, from, number);
    from += number;
  }
}

bool ObjectReader::IsLikelyObject(Address word) noexcept {
  constexpr std::uint64_t kUsualCount = 1u << 20;
  if ((word & 7) != 0 || word == 0 || !types_.IsObject(word)) return false;
  // Where programs lie low in memory a pointer before another one looks like a large count.
  const auto count = Peek<std::uint64_t>(word, 0);
  if (count > kUsualCount && !DumpTypes::IsImmortal(word) && map_.IsReadable(count, 1))
    return false;
  // The only objects in libraries' data that a pointer to them keeps are types.
  const Mapping* mapping = map_.Find(word);
  const auto flags = Peek<std::uint64_t>(cpython::TypeOf(word), cpython::kTypeFlags);
  if (mapping->inode != 0 && (flags & cpython::kFlagType) == 0) return false;
  if (free_ == nullptr) return true;
  if (free_->Contains(word)) return false;
  const DumpType* facts = types_.Get(cpython::TypeOf(word));
  return facts != nullptr && free_->CanBegin(word, static_cast<Address>(facts->before_bytes));
}

void ObjectReader::SearchWords(Address object, Address begin, Address end, Address skip,
                               EdgeList& edges) noexcept {
  for (Address at = begin; at + 8 <= end; at += 8) {
    if (at == skip) continue;
    const Address value = PeekPointer(at, 0);
    if (value == object) continue;
    if (IsLikelyObject(value) && !edges.IsTold(value)) edges.Tell(value);
  }
}

void ObjectReader::SearchGreenlet(Address greenlet, EdgeList& edges) noexcept {
  const GreenletState state = FindGreenletState(greenlet, map_, free_);
  SearchWords(greenlet, state.begin, state.end, 0, edges);
}

Address ObjectReader::StoppedFrameOf(Address greenlet) noexcept {
  const GreenletState state = FindGreenletState(greenlet, map_, free_);
  for (Address at = state.begin; at + 8 <= state.end; at += 8) {
    const Address value = PeekPointer(at, 0);
    if (!IsLikelyObject(value) || cpython::TypeOf(value) != g_python_api.frame_type) continue;
    return value;
  }
  return 0;
}

Address ObjectReader::CodeOf(const DumpType& facts, Address object) const noexcept {
  const cpython::Layout& layout = TheLayout();
  Address frame = object;
  if (facts.kind == ObjectKind::kGenerator) {
    frame = object + layout.generator_frame;
    if (layout.generator_state == cpython::kAbsent) frame = PeekPointer(frame, 0);
  } else if (layout.frame_object_frame != cpython::kAbsent) {
    frame = PeekPointer(object, layout.frame_object_frame);
  }
  if (frame == 0 || !map_.IsReadable(frame, 64)) return 0;
  return PeekPointer(frame, layout.frame_code) & ~Address{layout.frame_tag};
}

void ObjectReader::ReadFrame(Address frame, EdgeList& edges) noexcept {
  const cpython::Layout& layout = TheLayout();
  if (layout.frame_object_frame != cpython::kAbsent) {
    const Address inner = PeekPointer(frame, layout.frame_object_frame);
    if (inner == 0 || !map_.IsReadable(inner, layout.frame_locals)) return;
    const Address code = PeekPointer(inner, layout.frame_code) & ~Address{layout.frame_tag};
    if (code != 0 && types_.IsObject(code) && cpython::TypeOf(code) == g_python_api.code_type) {
      ReadLocals(code, inner + layout.frame_locals, false, edges);
    }
    return;
  }
  const Address code = PeekPointer(frame, layout.frame_code);
  if (code == 0 || cpython::TypeOf(code) != g_python_api.code_type) return;
  ReadLocals(code, frame + layout.frame_locals, false, edges);
}

void ObjectReader::ReadGenerator(Address generator, EdgeList& edges) noexcept {
  const cpython::Layout& layout = TheLayout();
  constexpr std::int8_t kCleared = 4;
  constexpr std::int8_t kExecuting = 0;
  if (layout.generator_state == cpython::kAbsent) return;  // its frame is an object
  const auto state = Peek<std::int8_t>(generator, layout.generator_state);
  if (state >= kCleared || state == kExecuting) return;
  const Address frame = generator + layout.generator_frame;
  const Address code = PeekPointer(frame, layout.frame_code) & ~Address{layout.frame_tag};
  if (code == 0 || !types_.IsObject(code) || cpython::TypeOf(code) != g_python_api.code_type) {
    return;
  }
  ReadLocals(code, frame + layout.frame_locals, false, edges);
}

// lru_cache_object begins with the list's root {object, previous, next, ...}; its traversal tells
// what the links refer to, and not that the list holds each link once more than the dict does.
void ObjectReader::ReadLruCache(Address cache, EdgeList& edges) noexcept {
  constexpr std::uint32_t kNext = cpython::kLruNext;  // of the cache, too: it is a link
  constexpr std::int64_t kMaxLinks = std::int64_t{1} << 32;
  std::int64_t count = 0;
  for (Address link = PeekPointer(cache, kNext); link != 0 && link != cache && count < kMaxLinks;
       link = PeekPointer(link, kNext), ++count) {
    // From 3.10 on it tells the links' type, too, once for each: that is each link's own.
    edges.Untell(cpython::TypeOf(link));
    edges.Tell(link);
  }
}

void ObjectReader::ReadArray(Address array, EdgeList& edges) noexcept {
  const ArrayBuffer buffer = array_items_.BufferOf(array);
  if (buffer.bytes == 0) return;
  const ItemReferences references = array_items_.ReferencesOf(array);
  edges.is_cut |= references.is_cut;
  if (references.offsets.count() == 0) {
    edges.Tell(buffer.address & ~Address{7});
    return;
  }
  if (!map_.IsReadable(buffer.address, buffer.bytes)) return;
  for (std::size_t i = 0; i < edges.told_count(); ++i) {
    if (edges.told(i) != 0) edges.AddNamed(edges.told(i), {});
  }
  edges.AddNamed(buffer.address & ~Address{7}, {EdgeKind::kNative, "data", 0});
  edges.rest = ShapeRest::kIndexed;
  const Address end = buffer.address + buffer.bytes;
  for (Address item = buffer.address; item + references.item_bytes <= end;
       item += references.item_bytes) {
    for (const std::uint32_t offset : references.offsets) edges.Add(PeekPointer(item, offset));
  }
}

// PyHamtNode_Bitmap: an array of {key, value}, or {null, node behind it}.
void ObjectReader::ReadHamtNode(Address node, EdgeList& edges) noexcept {
  const auto count = Peek<std::int64_t>(node, cpython::kVarSize);
  if (count < 0 || count > 64) return;
  edges.rest = ShapeRest::kPairs;
  for (std::int64_t i = 0; i < count; ++i) {
    edges.Add(PeekPointer(node + cpython::kHamtItems + static_cast<Address>(i) * 8, 0));
  }
}

// What the traversal of the base container tells is read from the container itself.
void ObjectReader::TakeOutBase(Address object, Address base, EdgeList& edges) noexcept {
  base_told_.Clear();
  const auto traverse =
      Peek<int (*)(void*, int (*)(void*, void*), void*)>(base, cpython::kTypeTraverse);
  if (traverse(reinterpret_cast<void*>(object), &OnBaseTold, this) != 0) edges.Fail();
  const std::size_t count = base_told_.count();
  if (count == 0 || count > edges.told_count()) return;
  for (std::size_t first = 0; first + count <= edges.told_count(); ++first) {
    // A tuple's traversal goes backwards, that of a struct sequence forwards.
    const Address* told = edges.told() + first;
    const bool is_same = std::memcmp(told, base_told_.begin(), count * 8) == 0;
    std::size_t same = 0;
    while (!is_same && same < count && told[same] == base_told_[count - 1 - same]) ++same;
    if (is_same || same == count) {
      edges.UntellRange(first, count);
      return;
    }
  }
}

// Whether `object` is the Python object of a tensor or storage of C++: it refers back to that.
bool ObjectReader::IsObjectOf(Address object, Address native) noexcept {
  if (!IsLikelyObject(object)) return false;
  const DumpType* facts = types_.Get(cpython::TypeOf(object));
  if (facts == nullptr || !facts->has_storage) return false;
  const auto words = static_cast<std::uint32_t>(facts->basic_bytes / 8);
  for (std::uint32_t i = 2; i < words; ++i) {
    if (PeekPointer(object, 8 * i) == native) return true;
  }
  return false;
}

// What a tensor keeps alive by C++ alone: its storage's and its gradient's Python objects, and the
// array that lent it memory.
void ObjectReader::TellTensorObjects(const DumpType& facts, Address tensor,
                                     EdgeList& edges) noexcept {
  storages_.Find(tensor, facts.basic_bytes);
  edges.is_cut |= storages_.is_cut();
  for (std::size_t h = 0; h < storages_.holder_count() && !follows_blocks_; ++h) {
    const TensorHolder& holder = storages_.holder(h);
    if (!map_.IsReadable(holder.begin, 8 * holder.words)) continue;
    for (std::uint32_t i = 0; i < holder.words; ++i) {
      Address word = PeekPointer(holder.begin, 8 * i);
      if (!holder.is_lender) word &= ~Address{7};  // up to 2.0 the lowest bit says who owns whom
      if (word == tensor || edges.IsTold(word)) continue;
      if (holder.is_lender ? IsLikelyObject(word) : IsObjectOf(word, holder.begin)) {
        edges.Tell(word);
      }
    }
  }
}

void ObjectReader::Read(DumpType& facts, Address object, EdgeList& edges) noexcept {
  switch (facts.kind) {
    case ObjectKind::kLeaf:
    case ObjectKind::kDict:
    case ObjectKind::kList:
    case ObjectKind::kTuple:
      return;
    case ObjectKind::kInstance:
      ReadInstance(facts, object, edges);
      return;
    case ObjectKind::kCode:
      ReadCode(object, edges);
      return;
    default:
      break;
  }
  Traverse(facts, object, edges);
  if (facts.is_owned) edges.Untell(facts.type);  // the reader knows it
  if (facts.is_dict) TakeOutBase(object, g_python_api.dict_type, edges);
  if (facts.is_list) TakeOutBase(object, g_python_api.list_type, edges);
  if (facts.is_tuple) TakeOutBase(object, g_python_api.tuple_type, edges);
  if (facts.kind == ObjectKind::kWeakref) {
    edges.weak = PeekPointer(object, cpython::kWeakrefObject);
    ReadAttributes(facts, object, false, edges);
    edges.AddTold();
    return;
  }
  if (facts.kind == ObjectKind::kType) {
    ReadType(object, edges);
    return;
  }
  if (facts.is_hamt_node) {
    ReadHamtNode(object, edges);
    return;
  }
  const std::size_t traversed = edges.told_count();
  const bool is_searched =
      facts.is_searched &&
      (!facts.has_optional_zone || Peek<char>(object, cpython::kDatetimeHasZone) != 0);
  if (is_searched) {
    const Address weak = facts.weak_list > 0 ? object + static_cast<Address>(facts.weak_list) : 0;
    const Address end = object + static_cast<Address>(facts.basic_bytes);
    SearchWords(object, object + cpython::kObjectBytes, end, weak, edges);
    if (facts.is_greenlet) SearchGreenlet(object, edges);
    if (facts.has_storage) TellTensorObjects(facts, object, edges);
  }
  ReadMembers(facts, object, false, edges);
  ReadAttributes(facts, object, false, edges);
  if (facts.kind == ObjectKind::kFrame) ReadFrame(object, edges);
  if (facts.kind == ObjectKind::kGenerator) ReadGenerator(object, edges);
  if (facts.kind == ObjectKind::kLruCache) ReadLruCache(object, edges);
  if (facts.kind == ObjectKind::kArray) {
    ReadArray(object, edges);
    if (edges.rest == ShapeRest::kIndexed) return;
  }
  // Pointers in the body that gc does not know of.
  for (std::size_t i = traversed; is_searched && i < edges.told_count(); ++i) {
    if (edges.told(i) == 0) continue;
    edges.AddNamed(edges.told(i), {EdgeKind::kNative, nullptr, 0});
    edges.UntellRange(i, 1);
  }
  if (facts.is_deque) edges.rest = ShapeRest::kIndexed;
  if (!facts.is_dict && !facts.is_list && !facts.is_tuple) {
    edges.AddTold();
    return;
  }
  // A container with more than its items: what else there is comes first, without a name.
  for (std::size_t i = 0; i < edges.told_count(); ++i) {
    if (edges.told(i) != 0) edges.AddNamed(edges.told(i), {});
  }
  if (facts.is_dict) {
    const DictTable table = FindTable(object);
    edges.rest = ShapeRest::kPairs;
    for (std::int64_t i = 0; i < table.count; ++i) {
      const Address entry = table.entries + static_cast<Address>(i) * table.entry_bytes;
      const Address key = PeekPointer(entry, KeyAt(table.entry_bytes));
      const Address value = table.values != 0
                                ? PeekPointer(table.values + static_cast<Address>(i) * 8, 0)
                                : PeekPointer(entry, table.entry_bytes - 8);
      if (key == 0 || value == 0) continue;
      edges.Add(key);
      edges.Add(value);
    }
    return;
  }
  const auto count = Peek<std::int64_t>(object, cpython::kVarSize);
  const Address items =
      facts.is_tuple ? object + TheLayout().tuple_items : PeekPointer(object, cpython::kListItems);
  edges.rest = ShapeRest::kIndexed;
  for (std::int64_t i = 0; i < count; ++i) {
    edges.Add(PeekPointer(items + static_cast<Address>(i) * 8, 0));
  }
}

}  // namespace memwhy::agent
