// SPDX-License-Identifier: Apache-2.0
#include "agent/type_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "agent/agent.h"
#include "agent/python_api.h"

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

bool IsStr(Address object) noexcept {
  return object != 0 && (Peek<std::uint64_t>(cpython::TypeOf(object), cpython::kTypeFlags) &
                         cpython::kFlagStr) != 0;
}

// "module.QualName"; built-in types without their module, as json.md wants it.
std::size_t NameType(Address type, std::uint64_t flags, char* out, std::size_t room) noexcept {
  const auto* plain = reinterpret_cast<const char*>(PeekPointer(type, cpython::kTypeName));
  if ((flags & cpython::kFlagHeapType) == 0) {
    const std::size_t n = strnlen(plain, room);
    std::memcpy(out, plain, n);
    return n;
  }
  const cpython::Layout& layout = *g_agent.python.layout;
  std::size_t n = 0;
  const Address dict = PeekPointer(type, cpython::kTypeDict);
  const Address module = dict == 0 ? 0 : cpython::PeekEarlyKey(layout, dict, "__module__");
  if (IsStr(module)) {
    const int length = cpython::PeekText(layout, module, out, static_cast<int>(room / 2));
    if (length > 0 && !(length == 8 && std::memcmp(out, "builtins", 8) == 0)) {
      n = static_cast<std::size_t>(length);
      out[n++] = '.';
    }
  }
  const Address name = PeekPointer(type, layout.type_qualified_name);
  const int length =
      IsStr(name) ? cpython::PeekText(layout, name, out + n, static_cast<int>(room - n)) : -1;
  if (length > 0) return n + static_cast<std::size_t>(length);
  const std::size_t rest = strnlen(plain, room - n);
  std::memcpy(out + n, plain, rest);
  return n + rest;
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
  const std::size_t n = NameType(type, flags, name, sizeof(name));
  file.PutByte(static_cast<std::uint8_t>(wire::GraphTag::kType));
  file.PutText(name, n);
  return &facts;
}

void TypeTable::LoadLibraryRanges() noexcept {
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[8192];
  std::size_t held = 0;
  while (true) {
    const ssize_t n = read(fd, text + held, sizeof(text) - 1 - held);
    if (n <= 0) break;
    held += static_cast<std::size_t>(n);
    text[held] = 0;
    char* line = text;
    // "begin-end rwxp offset device inode path"
    for (char* end = std::strchr(line, '\n'); end != nullptr; end = std::strchr(line, '\n')) {
      char* at = line;
      const std::uint64_t begin = std::strtoull(at, &at, 16);
      const std::uint64_t limit = std::strtoull(at + 1, &at, 16);
      const bool is_data = at[1] == 'r' && at[3] == '-';
      const bool is_file = std::memchr(line, '/', static_cast<std::size_t>(end - line)) != nullptr;
      if (is_data && is_file && GrowRaw(ranges_, range_count_ + 1)) {
        ranges_.items[range_count_++] = {begin, limit};
      }
      line = end + 1;
    }
    held = static_cast<std::size_t>(text + held - line);
    std::memmove(text, line, held);
    if (held == sizeof(text) - 1) break;  // no line is that long
  }
  close(fd);
}

bool TypeTable::IsLibraryData(std::uint64_t address) const noexcept {
  std::size_t low = 0;
  std::size_t high = range_count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (ranges_.items[middle].end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < range_count_ && address >= ranges_.items[low].begin;
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
  FreeRaw(ranges_);
}

}  // namespace memwhy::agent
