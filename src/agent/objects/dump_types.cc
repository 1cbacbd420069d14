// SPDX-License-Identifier: Apache-2.0
#include "agent/objects/dump_types.h"

#include <cstring>

#include "agent/ground/agent.h"
#include "agent/objects/greenlet_state.h"
#include "agent/objects/object_size.h"
#include "agent/python/type_bases.h"
#include "agent/python/type_name.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;
using wire::EdgeKind;

constexpr std::uint32_t kMaxTypes = 1 << 16;
constexpr std::size_t kTypeBytes = 400;  // of a type object that we look at
constexpr std::int64_t kMaxBasicBytes = 1 << 20;
constexpr std::int64_t kHeadBytes = cpython::kObjectBytes;

const char* PlainName(Address type) noexcept {
  return reinterpret_cast<const char*>(PeekPointer(type, cpython::kTypeName));
}

bool DerivesFrom(Address type, Address wanted) noexcept {
  return wanted != 0 && FindBase(type, [&](Address base) { return base == wanted; }) != 0;
}

// `type` or the base of this name; 0: it has none.
Address FindNamed(Address type, const char* name) noexcept {
  return FindBase(type, [&](Address base) { return std::strcmp(PlainName(base), name) == 0; });
}

bool DerivesFrom(Address type, const char* name) noexcept { return FindNamed(type, name) != 0; }

// Objects of the standard library's that refer to no others, in memory that nobody clears: what
// lies between their members would look like references.
bool RefersToNothing(const char* name) noexcept {
  constexpr const char* kNames[] = {
      "_thread.lock",       "_thread.RLock",    "decimal.Decimal",  "array.array",
      "datetime.timedelta", "datetime.date",    "_random.Random",   "mmap.mmap",
      "_hashlib.HASH",      "_md5.md5",         "_sha1.sha1",       "_blake2.blake2b",
      "_blake2.blake2s",    "_sha256.sha256",   "_sha256.sha224",   "_sha512.sha512",
      "_sha512.sha384",     "_sha2.SHA256Type", "_sha2.SHA512Type", "socket",
  };
  for (const char* known : kNames) {
    if (std::strcmp(name, known) == 0) return true;
  }
  return false;
}

// Of the standard library, too, some traversals leave out what the body has: the text that
// re.finditer goes through, what was written to a buffer in memory.
bool LeavesOut(const char* name) noexcept {
  constexpr const char* kNames[] = {"_sre.SRE_Scanner", "_io.StringIO", "_io.BytesIO"};
  for (const char* each : kNames) {
    if (std::strcmp(name, each) == 0) return true;
  }
  return false;
}

// A class of PyTorch's with memory behind it: TensorBase, StorageBase; older ones' names begin with
// "_Tensor", or say what is in the storage: FloatStorageBase.
bool IsTensorBase(const char* name) noexcept {
  constexpr const char kModule[] = "torch._C.";
  constexpr std::size_t kModuleBytes = sizeof(kModule) - 1;
  constexpr std::size_t kStorageBytes = 11;
  if (std::strncmp(name, kModule, kModuleBytes) != 0) return false;
  name += kModuleBytes;
  if (std::strcmp(name, "TensorBase") == 0 || std::strcmp(name, "_TensorBase") == 0) return true;
  const std::size_t bytes = std::strlen(name);
  return bytes >= kStorageBytes && std::strcmp(name + bytes - kStorageBytes, "StorageBase") == 0;
}

// THPCppFunction: a head and a pointer to the node, in older versions a shared one.
constexpr std::int64_t kTorchNodeBytes = 24;

bool HasStorage(Address type) noexcept {
  return FindBase(type, [](Address base) { return IsTensorBase(PlainName(base)); }) != 0;
}

ObjectSize SizeRule(Address type, std::uint64_t flags, std::int64_t item_bytes) noexcept {
  const PythonApi& api = g_python_api;
  if ((flags & cpython::kFlagInt) != 0) return ObjectSize::kInt;
  if ((flags & cpython::kFlagStr) != 0) return ObjectSize::kStr;
  if ((flags & cpython::kFlagDict) != 0) {
    return DerivesFrom(type, "collections.OrderedDict") ? ObjectSize::kOrderedDict
                                                        : ObjectSize::kDict;
  }
  if ((flags & cpython::kFlagList) != 0) return ObjectSize::kList;
  if (DerivesFrom(type, api.set_type) || DerivesFrom(type, api.frozenset_type)) {
    return ObjectSize::kSet;
  }
  if (DerivesFrom(type, api.bytearray_type)) return ObjectSize::kByteArray;
  if (DerivesFrom(type, "array.array")) return ObjectSize::kArray;
  if (type == api.code_type) return ObjectSize::kCode;
  if (type == api.frame_type) return ObjectSize::kFrame;
  if (type == api.generator_type || type == api.coroutine_type ||
      type == api.async_generator_type) {
    return ObjectSize::kGenerator;
  }
  if (DerivesFrom(type, "collections.deque")) return ObjectSize::kDeque;
  return item_bytes != 0 ? ObjectSize::kItems : ObjectSize::kFixed;
}

}  // namespace

bool DumpTypes::Start(const MemoryMap& map) noexcept {
  map_ = &map;
  const Mapping* python = map.Find(g_python_api.type_type);
  python_inode_ = python == nullptr ? 0 : python->inode;
  // A class written in Python that every interpreter has: importlib's ModuleSpec. Its traversal is
  // that of all such classes.
  void* modules = g_python_api.PyImport_GetModuleDict();
  const auto find = [](void* dict, const char* name) -> void* {
    std::ptrdiff_t position = 0;
    void* key = nullptr;
    void* value = nullptr;
    char text[64];
    while (dict != nullptr && g_python_api.PyDict_Next(dict, &position, &key, &value) != 0) {
      if (!IsStr(reinterpret_cast<Address>(key))) continue;
      const int n = cpython::PeekText(*g_agent.python.layout, reinterpret_cast<Address>(key), text,
                                      sizeof(text));
      if (n == static_cast<int>(std::strlen(name)) &&
          std::memcmp(text, name, static_cast<std::size_t>(n)) == 0) {
        return value;
      }
    }
    return nullptr;
  };
  void* importlib = modules == nullptr ? nullptr : find(modules, "_frozen_importlib");
  void* spec =
      importlib == nullptr ? nullptr : find(g_python_api.PyModule_GetDict(importlib), "ModuleSpec");
  if (spec != nullptr) {
    subtype_traverse_ = Peek<void*>(reinterpret_cast<Address>(spec), cpython::kTypeTraverse);
  }
  return true;
}

bool DumpTypes::IsTrusted(const void* function) const noexcept {
  if (function == nullptr) return false;
  const Mapping* mapping = map_->Find(reinterpret_cast<Address>(function));
  return mapping != nullptr && mapping->inode != 0 &&
         (mapping->inode == python_inode_ || mapping->is_stdlib);
}

bool DumpTypes::IsKnownEmpty(Address type) const noexcept {
  return RefersToNothing(PlainName(type)) && IsTrusted(Peek<void*>(type, cpython::kTypeDealloc));
}

// The first base that is no class written in Python.
Address DumpTypes::SolidBase(Address type) const noexcept {
  Address base = type;
  while (base != 0 && subtype_traverse_ != nullptr &&
         Peek<void*>(base, cpython::kTypeTraverse) == subtype_traverse_) {
    base = PeekPointer(base, cpython::kTypeBase);
  }
  // Without cycles a class written in Python has no traversal (__slots__ = () upon int).
  return base;
}

void DumpTypes::AddMember(DumpType& facts, std::uint32_t offset, EdgeKind kind,
                          const char* name) noexcept {
  for (const NamedMember& member : facts.members) {
    if (member.offset == offset) return;
  }
  if (facts.members.Push({offset, kind, name})) return;
  // The references of an instance are its members; then its traversal tells the others, without
  // names. That of all other kinds is asked anyway.
  if (facts.kind == ObjectKind::kInstance) facts.kind = ObjectKind::kTraversed;
}

void DumpTypes::LearnMembers(DumpType& facts) noexcept {
  constexpr int kObjectMember = 6;     // T_OBJECT
  constexpr int kObjectExMember = 16;  // T_OBJECT_EX
  constexpr int kMaxDefinitions = 4096;
  const cpython::Layout& layout = *g_agent.python.layout;
  const PythonApi& api = g_python_api;
  const auto add_all = [&](const cpython::Reference* list, EdgeKind kind, const char* prefix) {
    const std::size_t skip = std::strlen(prefix);
    for (; list->name != nullptr; ++list) {
      const char* name = list->name;
      if (std::strncmp(name, prefix, skip) == 0) name += skip;
      AddMember(facts, list->offset, kind, name);
    }
  };
  if (facts.type == api.function_type) {
    // func_code reads __code__, as Python code names it.
    for (const cpython::Reference* list = layout.function_references; list->name != nullptr;
         ++list) {
      const char* name = list->name + 5;
      const char* shown = std::strcmp(name, "code") == 0         ? "__code__"
                          : std::strcmp(name, "globals") == 0    ? "__globals__"
                          : std::strcmp(name, "defaults") == 0   ? "__defaults__"
                          : std::strcmp(name, "kwdefaults") == 0 ? "__kwdefaults__"
                          : std::strcmp(name, "closure") == 0    ? "__closure__"
                          : std::strcmp(name, "dict") == 0       ? "__dict__"
                          : std::strcmp(name, "module") == 0     ? "__module__"
                                                                 : "__annotations__";
      AddMember(facts, list->offset,
                std::strcmp(name, "dict") == 0 ? EdgeKind::kAttributes : EdgeKind::kAttribute,
                shown);
    }
  }
  if (facts.type == api.code_type) add_all(layout.code_references, EdgeKind::kAttribute, "");
  if (facts.type == api.traceback_type) {
    add_all(layout.traceback_references, EdgeKind::kAttribute, "");
  }
  if (DerivesFrom(facts.type, "module") && facts.basic_bytes >= cpython::kModuleName + 8) {
    AddMember(facts, cpython::kModuleDict, EdgeKind::kAttributes, "__dict__");
    AddMember(facts, cpython::kModuleName, EdgeKind::kInternal, "md_name");
  }
  if (facts.kind == ObjectKind::kArray) {
    // PyArrayObject_fields: base 48, descr 56; mem_handler 88 from numpy 1.22 on.
    AddMember(facts, 48, EdgeKind::kAttribute, "base");
    AddMember(facts, 56, EdgeKind::kAttribute, "dtype");
    const Address array = FindNamed(facts.type, "numpy.ndarray");
    if (array != 0 && Peek<std::int64_t>(array, cpython::kTypeBasicSize) >= 96) {
      AddMember(facts, 88, EdgeKind::kInternal, "mem_handler");
    }
  }
  if (facts.type == api.cell_type)
    AddMember(facts, cpython::kCellContents, EdgeKind::kAttribute, "cell_contents");
  if (facts.type == api.method_type) {
    AddMember(facts, cpython::kMethodFunction, EdgeKind::kAttribute, "__func__");
    AddMember(facts, cpython::kMethodSelf, EdgeKind::kAttribute, "__self__");
  }
  if (DerivesFrom(facts.type, api.exception_type)) {
    for (const cpython::Reference* list = layout.exception_references; list->name != nullptr;
         ++list) {
      const char* name = list->name;
      if (std::strcmp(name, "dict") == 0) {
        AddMember(facts, list->offset, EdgeKind::kAttributes, "__dict__");
      } else {
        const char* shown = std::strcmp(name, "args") == 0        ? "args"
                            : std::strcmp(name, "traceback") == 0 ? "__traceback__"
                            : std::strcmp(name, "context") == 0   ? "__context__"
                                                                  : "__cause__";
        AddMember(facts, list->offset, EdgeKind::kAttribute, shown);
      }
    }
  }
  // The members of a struct sequence are its items, which have names already: their numbers.
  if (facts.is_tuple) return;
  for (Address base = facts.type; base != 0; base = PeekPointer(base, cpython::kTypeBase)) {
    Address member = PeekPointer(base, cpython::kTypeMembers);
    for (int i = 0; member != 0 && i < kMaxDefinitions; ++i, member += cpython::kMemberBytes) {
      const auto* name = reinterpret_cast<const char*>(PeekPointer(member, 0));
      if (name == nullptr) break;
      const int type = Peek<int>(member, cpython::kMemberType);
      const auto offset = Peek<std::int64_t>(member, cpython::kMemberOffset);
      if (type != kObjectMember && type != kObjectExMember) continue;
      if (offset < kHeadBytes || offset + 8 > facts.basic_bytes) continue;
      AddMember(facts, static_cast<std::uint32_t>(offset),
                std::strcmp(name, "__dict__") == 0 ? EdgeKind::kAttributes : EdgeKind::kAttribute,
                name);
    }
  }
}

void DumpTypes::Learn(DumpType& facts) noexcept {
  const PythonApi& api = g_python_api;
  const cpython::Layout& layout = *g_agent.python.layout;
  const Address type = facts.type;
  const auto flags = Peek<std::uint64_t>(type, cpython::kTypeFlags);
  facts.is_collected = (flags & cpython::kFlagHaveGc) != 0;
  facts.is_owned = (flags & cpython::kFlagHeapType) != 0;
  facts.basic_bytes = Peek<std::int64_t>(type, cpython::kTypeBasicSize);
  facts.item_bytes = Peek<std::int64_t>(type, cpython::kTypeItemSize);
  facts.traverse = Peek<decltype(facts.traverse)>(type, cpython::kTypeTraverse);
  facts.is_gc = Peek<decltype(facts.is_gc)>(type, cpython::kTypeIsGc);
  facts.weak_list = Peek<std::int64_t>(type, cpython::kTypeWeakListOffset);
  facts.size = SizeRule(type, flags, facts.item_bytes);
  facts.is_dict = (flags & cpython::kFlagDict) != 0;
  facts.is_list = (flags & cpython::kFlagList) != 0;
  facts.is_tuple = (flags & cpython::kFlagTuple) != 0;
  facts.is_set = facts.size == ObjectSize::kSet;
  facts.has_buffer = facts.size == ObjectSize::kByteArray || facts.size == ObjectSize::kArray ||
                     (facts.size == ObjectSize::kStr && type != api.str_type);
  facts.is_deque = facts.size == ObjectSize::kDeque;
  const char* plain = PlainName(type);
  // 3.8 to 3.14 call them so.
  facts.is_context_variable =
      !facts.is_owned &&
      (std::strcmp(plain, "ContextVar") == 0 || std::strcmp(plain, "_contextvars.ContextVar") == 0);
  facts.has_optional_zone =
      DerivesFrom(type, "datetime.datetime") || DerivesFrom(type, "datetime.time");
  facts.is_definition = !facts.is_owned && std::strcmp(plain, "moduledef") == 0;
  facts.has_foreign_memory = DerivesFrom(type, "module");
  facts.is_hamt_node = std::strcmp(plain, "hamt_bitmap_node") == 0;
  const bool has_managed = layout.minor >= 11 && (flags & cpython::kFlagManagedDict) != 0;
  facts.has_attributes = has_managed || Peek<std::int64_t>(type, cpython::kTypeDictOffset) > 0;
  // Of a str the smallest there is, an empty one of ASCII.
  facts.fixed_bytes =
      facts.size == ObjectSize::kStr ? layout.unicode_ascii_bytes : facts.basic_bytes;
  if (facts.is_collected) facts.before_bytes += layout.gc_head_bytes;
  // What lies before the gc head: 3.11 values and dict, 3.12+ dict and the list of weak references.
  if (has_managed || (layout.minor >= 12 && (flags & cpython::kFlagManagedWeakref) != 0)) {
    facts.before_bytes += 2 * sizeof(Address);
  }
  facts.fixed_bytes += facts.before_bytes;

  if (type == api.dict_type) {
    facts.kind = ObjectKind::kDict;
  } else if (type == api.list_type) {
    facts.kind = ObjectKind::kList;
  } else if (type == api.tuple_type) {
    facts.kind = ObjectKind::kTuple;
  } else if (type == api.bool_type || type == api.complex_type || type == api.float_type ||
             type == api.none_type || type == api.int_type || type == api.str_type ||
             type == api.bytes_type || type == api.bytearray_type ||
             // What a link refers to is told by its cache.
             std::strcmp(plain, "functools._lru_list_elem") == 0) {
    facts.kind = ObjectKind::kLeaf;
  } else if (type == api.code_type) {
    facts.kind = ObjectKind::kCode;
  } else if (type == api.frame_type) {
    facts.kind = ObjectKind::kFrame;
  } else if (type == api.generator_type || type == api.coroutine_type ||
             type == api.async_generator_type) {
    facts.kind = ObjectKind::kGenerator;
  } else if ((flags & cpython::kFlagType) != 0) {
    facts.kind = ObjectKind::kType;
  } else if (DerivesFrom(type, api.weakref_type) || type == api.weak_proxy_type ||
             type == api.weak_callable_proxy_type) {
    facts.kind = ObjectKind::kWeakref;
  } else if (DerivesFrom(type, "functools._lru_cache_wrapper")) {
    facts.kind = ObjectKind::kLruCache;
  } else if (DerivesFrom(type, "numpy.ndarray")) {
    facts.kind = ObjectKind::kArray;
  } else {
    const Address solid = SolidBase(type);
    const auto solid_bytes =
        solid == 0 ? kHeadBytes : Peek<std::int64_t>(solid, cpython::kTypeBasicSize);
    if (facts.is_collected && type != solid && (solid == 0 || solid == api.object_type)) {
      facts.kind = ObjectKind::kInstance;
    } else if (facts.is_collected && facts.traverse != nullptr) {
      facts.kind = ObjectKind::kTraversed;
      const Address greenlet = FindNamed(type, "greenlet.greenlet");
      facts.is_greenlet = greenlet != 0 && HasGreenletState(greenlet);
      const void* own = Peek<void*>(solid, cpython::kTypeTraverse);
      const bool is_plain_base = facts.is_dict || facts.is_list || facts.is_tuple || facts.is_set;
      facts.is_searched =
          own == nullptr ? solid_bytes > kHeadBytes && !is_plain_base && !IsKnownEmpty(solid) &&
                               (Peek<std::uint64_t>(solid, cpython::kTypeFlags) &
                                (cpython::kFlagInt | cpython::kFlagStr | cpython::kFlagBytes)) == 0
                         : !IsTrusted(own) || LeavesOut(PlainName(solid));
    } else {
      const bool is_plain =
          (flags & (cpython::kFlagInt | cpython::kFlagStr | cpython::kFlagBytes)) != 0 ||
          DerivesFrom(type, api.float_type) || DerivesFrom(type, api.complex_type) ||
          facts.basic_bytes <= kHeadBytes;
      facts.kind = is_plain && !facts.is_owned ? ObjectKind::kLeaf : ObjectKind::kOpaque;
      facts.is_searched = !is_plain && !IsKnownEmpty(type);
    }
  }
  const bool is_foreign = facts.kind == ObjectKind::kTraversed || facts.kind == ObjectKind::kOpaque;
  facts.has_storage = is_foreign && facts.is_searched && HasStorage(type);
  facts.is_torch_context = is_foreign && facts.is_searched && !facts.has_storage &&
                           DerivesFrom(type, "torch._C._FunctionBase");
  facts.may_be_torch_node =
      is_foreign && facts.is_searched &&
      (facts.basic_bytes == kTorchNodeBytes || facts.basic_bytes == kTorchNodeBytes + 8);
  if (facts.kind == ObjectKind::kType) {
    // What its metatype has added.
    const auto plain_bytes = Peek<std::int64_t>(api.type_type, cpython::kTypeBasicSize);
    if (facts.basic_bytes > plain_bytes) facts.body_begin = plain_bytes;
  } else if (is_foreign && !HasOwnTable(facts.size) && facts.basic_bytes > kHeadBytes &&
             (facts.is_searched || facts.has_foreign_memory)) {
    facts.body_begin = kHeadBytes;
  }
  facts.has_function_name = facts.kind == ObjectKind::kCode || facts.kind == ObjectKind::kFrame ||
                            facts.kind == ObjectKind::kGenerator;
  if (facts.kind != ObjectKind::kType && facts.kind != ObjectKind::kWeakref &&
      facts.kind != ObjectKind::kGenerator && facts.kind != ObjectKind::kLeaf) {
    LearnMembers(facts);
  }
}

DumpType* DumpTypes::Find(Address type) noexcept {
  if (IsKnown(type)) return last_;
  if (count_ == kMaxTypes) return nullptr;
  if (slabs_.is_empty() || slab_used_ == kSlabTypes) {
    if (!slabs_.Reserve(slabs_.count() + 1)) return nullptr;
    auto* slab = static_cast<DumpType*>(MapRaw(kSlabTypes * sizeof(DumpType)));
    if (slab == nullptr) return nullptr;
    slabs_.PushReserved(slab);
    slab_used_ = 0;
  }
  DumpType& facts = slabs_.last()[slab_used_++];
  facts.type = type;
  facts.id = count_++;
  facts.shape_count = -1;
  Learn(facts);
  if (table_.Add({type, &facts}) == nullptr) return nullptr;
  last_type_ = type;
  return last_ = &facts;
}

bool DumpTypes::IsKnown(Address type) noexcept {
  if (IsLast(type)) return true;
  const Slot* slot = table_.Find(type);
  if (slot == nullptr) return false;
  last_type_ = type;  // Get comes next
  last_ = slot->facts;
  return true;
}

bool DumpTypes::ReadsLikeType(Address type) noexcept {
  if (IsKnown(type)) return true;
  if ((type & 7) != 0 || !map_->IsReadable(type, kTypeBytes)) return false;
  const Address meta = cpython::TypeOf(type);
  if (meta != g_python_api.type_type && !ReadsLikeMetaclass(meta)) return false;
  const auto basic = Peek<std::int64_t>(type, cpython::kTypeBasicSize);
  return basic >= kHeadBytes && basic <= kMaxBasicBytes &&
         map_->IsReadable(PeekPointer(type, cpython::kTypeName), 1);
}

// A class derived from `type`, whatever its own metaclass is: that may be one of Python code, too,
// or the class itself.
bool DumpTypes::ReadsLikeMetaclass(Address meta) const noexcept {
  if ((meta & 7) != 0 || !map_->IsReadable(meta, kTypeBytes)) return false;
  if ((Peek<std::uint64_t>(meta, cpython::kTypeFlags) & cpython::kFlagType) == 0) return false;
  Address base = meta;
  for (int left = kMaxBases; base != g_python_api.type_type && left > 0; --left) {
    base = PeekPointer(base, cpython::kTypeBase);
    if ((base & 7) != 0 || !map_->IsReadable(base, kTypeBytes)) return false;
  }
  return base == g_python_api.type_type;
}

bool DumpTypes::IsObject(Address address) noexcept {
  if ((address & 7) != 0 || address < 4096 || !map_->IsReadable(address, 16)) return false;
  return IsHead(Peek<std::uint64_t>(address, 0), cpython::TypeOf(address));
}

bool DumpTypes::IsHead(std::uint64_t count, Address type) noexcept {
  if ((count & 0xffffffff) == 0) return false;
  if (g_agent.python.layout->minor < 14 && count > (std::uint64_t{1} << 33)) return false;
  return IsType(type);
}

bool DumpTypes::IsImmortal(Address object) noexcept {
  return g_agent.python.layout->minor >= 12 && Peek<std::int32_t>(object, 0) < 0;
}

void DumpTypes::Release() noexcept {
  for (DumpType* slab : slabs_) UnmapRaw(slab, kSlabTypes * sizeof(DumpType));
  slabs_.Release();
  table_.Release();
}

}  // namespace memwhy::agent
