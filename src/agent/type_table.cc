// SPDX-License-Identifier: Apache-2.0
#include "agent/type_table.h"

#include <cstring>

#include "agent/agent.h"
#include "agent/python_api.h"
#include "agent/type_name.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;
using cpython::PeekPointer;

constexpr std::size_t kTypes = 1 << 16;
constexpr std::size_t kNatives = 1 << 13;

std::size_t Hash(std::uint64_t value, std::size_t capacity) noexcept {
  return static_cast<std::size_t>((value >> 4) * 0x9e3779b97f4a7c15ull >> 32) & (capacity - 1);
}

Shape ShapeOf(Address type, std::uint64_t flags, bool* exact) noexcept {
  const PythonApi& api = g_python_api;
  *exact = type == api.dict_type || type == api.list_type || type == api.tuple_type ||
           type == api.set_type || type == api.frozenset_type || type == api.module_type ||
           type == api.function_type || type == api.cell_type;
  if (type == api.bool_type || type == api.complex_type || type == api.float_type ||
      type == api.none_type || type == api.int_type || type == api.str_type ||
      type == api.bytes_type) {
    *exact = true;
    return Shape::kLeaf;
  }
  if ((flags & cpython::kFlagDict) != 0) return Shape::kDict;
  if ((flags & cpython::kFlagList) != 0) return Shape::kList;
  if ((flags & cpython::kFlagTuple) != 0) return Shape::kTuple;
  if ((flags & cpython::kFlagType) != 0) return Shape::kType;
  if (type == api.set_type || type == api.frozenset_type) return Shape::kSet;
  if (type == api.function_type) return Shape::kFunction;
  if (type == api.cell_type) return Shape::kCell;
  for (Address base = type; base != 0; base = PeekPointer(base, cpython::kTypeBase)) {
    if (base == api.module_type) return Shape::kModule;
  }
  return Shape::kInstance;
}

}  // namespace

const TypeFacts* TypeTable::Get(Address type, GraphFile& file) noexcept {
  if (!GrowRaw(facts_, kTypes) || count_ * 2 > kTypes) return nullptr;
  std::size_t at = Hash(type, kTypes);
  while (facts_.items[at].type != 0) {
    if (facts_.items[at].type == type) return &facts_.items[at];
    at = (at + 1) & (kTypes - 1);
  }
  TypeFacts& facts = facts_.items[at];
  const auto flags = Peek<std::uint64_t>(type, cpython::kTypeFlags);
  facts.type = type;
  facts.id = static_cast<std::uint32_t>(++count_);
  facts.shape = ShapeOf(type, flags, &facts.is_exact);
  facts.is_collected = (flags & cpython::kFlagHaveGc) != 0;
  facts.has_managed_dict =
      g_agent.python.layout->minor >= 11 && (flags & cpython::kFlagManagedDict) != 0;
  facts.basic_bytes = Peek<std::int64_t>(type, cpython::kTypeBasicSize);
  facts.item_bytes = Peek<std::int64_t>(type, cpython::kTypeItemSize);
  facts.traverse = Peek<decltype(facts.traverse)>(type, cpython::kTypeTraverse);
  facts.is_gc = Peek<decltype(facts.is_gc)>(type, cpython::kTypeIsGc);

  char name[512];
  const std::size_t n = NameOfType(type, name, sizeof(name));
  file.PutByte(static_cast<std::uint8_t>(wire::GraphTag::kType));
  file.PutText(name, n);
  return &facts;
}

bool TypeTable::IsLibraryData(std::uint64_t address) const noexcept {
  const Mapping* mapping = map_.Find(address);
  return mapping != nullptr && mapping->is_file && mapping->is_readable && !mapping->is_executable;
}

std::uint32_t TypeTable::NativeType(std::uint64_t vtable, GraphFile& file) noexcept {
  if ((vtable & 7) != 0 || !IsLibraryData(vtable)) return 0;
  if (!GrowRaw(natives_, kNatives)) return 0;
  std::size_t at = Hash(vtable, kNatives);
  while (natives_.items[at].vtable != 0) {
    if (natives_.items[at].vtable == vtable) return natives_.items[at].id;
    at = (at + 1) & (kNatives - 1);
  }
  if (native_count_ * 2 > kNatives) return 0;
  ++native_count_;
  natives_.items[at] = {vtable, 0};
  // Itanium C++ ABI: the word before the first virtual function is the type_info, whose second word
  // is the mangled name.
  std::uint64_t info = 0;
  std::uint64_t text = 0;
  char name[256] = {};
  if (CopyCarefully(vtable - 8, &info, 8) != 8 || (info & 7) != 0 || info < (1u << 20)) return 0;
  if (CopyCarefully(info + 8, &text, 8) != 8 || text < (1u << 20)) return 0;
  const std::size_t got = CopyCarefully(text, name, sizeof(name) - 1);
  std::size_t n = 0;
  while (n < got && name[n] > ' ' && name[n] < 0x7f) ++n;
  const bool plausible =
      n >= 3 && (n == got || name[n] == 0) &&
      (name[0] == 'N' || name[0] == 'S' || name[0] == '*' || (name[0] >= '0' && name[0] <= '9'));
  if (!plausible) return 0;
  natives_.items[at].id = ++native_ids_;
  file.PutByte(static_cast<std::uint8_t>(wire::GraphTag::kNativeType));
  file.PutText(name, n);
  return natives_.items[at].id;
}

void TypeTable::Release() noexcept {
  FreeRaw(facts_);
  FreeRaw(natives_);
  map_.Release();
}

}  // namespace memwhy::agent
