// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/library_data.h"

#include <elf.h>
#include <link.h>

#include <cstring>

#include "agent/ground/fault_guard.h"
#include "cpython/peek.h"

namespace memwhy::agent {
namespace {

using cpython::Address;
using cpython::Peek;

// each(segment) of the library that is mapped from `first` on. False: it is none.
template <typename Each>
bool EachSegment(const Mapping& first, const Each& each) noexcept {
  if (!first.is_readable || first.offset != 0 || first.end - first.begin < sizeof(ElfW(Ehdr)))
    return false;
  const auto header = Peek<ElfW(Ehdr)>(first.begin, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return false;
  if (header.e_phentsize != sizeof(ElfW(Phdr))) return false;
  for (std::uint32_t i = 0; i < header.e_phnum; ++i) {
    const Address at = first.begin + header.e_phoff + Address{i} * sizeof(ElfW(Phdr));
    if (at + sizeof(ElfW(Phdr)) > first.end) return false;
    each(Peek<ElfW(Phdr)>(at, 0));
  }
  return true;
}

struct Symbols {
  Address table = 0;
  Address names = 0;
  Address name_bytes = 0;
  Address gnu_hash = 0;
};

Symbols FindSymbols(Address base, Address dynamic, Address bytes) noexcept {
  Symbols symbols;
  // The loader has made addresses of these, or not.
  const auto address = [base](Address value) { return value < base ? base + value : value; };
  for (Address at = dynamic; at + sizeof(ElfW(Dyn)) <= dynamic + bytes; at += sizeof(ElfW(Dyn))) {
    const auto entry = Peek<ElfW(Dyn)>(at, 0);
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_SYMTAB) symbols.table = address(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRTAB) symbols.names = address(entry.d_un.d_ptr);
    if (entry.d_tag == DT_STRSZ) symbols.name_bytes = entry.d_un.d_val;
    if (entry.d_tag == DT_GNU_HASH) symbols.gnu_hash = address(entry.d_un.d_ptr);
  }
  return symbols;
}

Address ReadEnd(const Mapping& first) noexcept {
  Address lowest = ~Address{0};
  Address end = 0;
  const bool is_library = EachSegment(first, [&](const ElfW(Phdr) & segment) {
    if (segment.p_type != PT_LOAD) return;
    if (segment.p_vaddr < lowest) lowest = segment.p_vaddr;
    if ((segment.p_flags & PF_W) != 0 && segment.p_vaddr + segment.p_memsz > end) {
      end = segment.p_vaddr + segment.p_memsz;
    }
  });
  return !is_library || end == 0 ? 0 : first.begin + end - (lowest & ~Address{4095});
}

bool ReadSymbols(const Mapping& first, const MemoryMap& map) noexcept {
  Address lowest = ~Address{0};
  Address dynamic = 0;
  Address bytes = 0;
  const bool is_library = EachSegment(first, [&](const ElfW(Phdr) & segment) {
    if (segment.p_type == PT_LOAD && segment.p_vaddr < lowest) lowest = segment.p_vaddr;
    if (segment.p_type != PT_DYNAMIC) return;
    dynamic = segment.p_vaddr;
    bytes = segment.p_memsz;
  });
  if (!is_library || dynamic == 0) return true;
  const Address base = first.begin - (lowest & ~Address{4095});
  if (!map.IsReadable(base + dynamic, bytes)) return true;
  const Symbols symbols = FindSymbols(base, base + dynamic, bytes);
  if (symbols.table == 0 || symbols.names == 0 || !map.IsReadable(symbols.gnu_hash, 16) ||
      !map.IsReadable(symbols.names, symbols.name_bytes)) {
    return true;
  }
  // What is asked for stands before what the hash table knows.
  const auto count = Peek<std::uint32_t>(symbols.gnu_hash, 4);
  if (!map.IsReadable(symbols.table, Address{count} * sizeof(ElfW(Sym)))) return true;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto symbol = Peek<ElfW(Sym)>(symbols.table + Address{i} * sizeof(ElfW(Sym)), 0);
    if (symbol.st_shndx != SHN_UNDEF || symbol.st_name + 4 > symbols.name_bytes) continue;
    const auto* name = reinterpret_cast<const char*>(symbols.names + symbol.st_name);
    if (std::memcmp(name, "Py", 2) == 0 || std::memcmp(name, "_Py", 3) == 0) return true;
  }
  return false;
}

}  // namespace

Address EndOfData(const Mapping& first) noexcept {
  FaultGuard guard;
  const Address end = MEMWHY_GUARD(guard) == 0 ? ReadEnd(first) : 0;
  guard.Disarm();
  return end;
}

bool UsesPython(const Mapping& first, const MemoryMap& map) noexcept {
  FaultGuard guard;
  const bool does = MEMWHY_GUARD(guard) != 0 || ReadSymbols(first, map);
  guard.Disarm();
  return does;
}

}  // namespace memwhy::agent
