// SPDX-License-Identifier: Apache-2.0
#include "os/elf_symbols.h"

#include <fmt/core.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/regular_file.h"

namespace memwhy::os {
namespace {

struct EndElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};

}  // namespace

Result<ElfSymbols> ElfSymbols::Read(const std::string& path) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a library"));
  if (elf_version(EV_CURRENT) == EV_NONE) return Error("libelf is of another version");
  const std::unique_ptr<Elf, EndElf> elf(elf_begin(file.fd.get(), ELF_C_READ, nullptr));
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) {
    return Error::Of("{} is not an ELF file", path);
  }
  ElfSymbols symbols;
  std::size_t segments = 0;
  elf_getphdrnum(elf.get(), &segments);
  for (std::size_t i = 0; i < segments; ++i) {
    GElf_Phdr segment;
    if (gelf_getphdr(elf.get(), static_cast<int>(i), &segment) == nullptr) break;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_W) != 0) {
      symbols.end_of_data_ = std::max(symbols.end_of_data_, segment.p_vaddr + segment.p_memsz);
    }
  }
  for (const auto wanted : {SHT_SYMTAB, SHT_DYNSYM}) {
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(elf.get(), section)) != nullptr) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) == nullptr ||
          header.sh_type != static_cast<GElf_Word>(wanted) || header.sh_entsize == 0) {
        continue;
      }
      Elf_Data* data = elf_getdata(section, nullptr);
      if (data == nullptr) continue;
      const auto count = static_cast<int>(header.sh_size / header.sh_entsize);
      for (int i = 0; i < count; ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, i, &symbol) == nullptr) break;
        if (GELF_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF) continue;
        const char* name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
        if (name == nullptr || *name == '\0' || symbol.st_size == 0) continue;
        symbols.symbols_.push_back({symbol.st_value, symbol.st_value + symbol.st_size, name});
      }
    }
    if (!symbols.symbols_.empty()) break;
  }
  std::sort(symbols.symbols_.begin(), symbols.symbols_.end(),
            [](const Symbol& a, const Symbol& b) { return a.begin < b.begin; });
  return symbols;
}

std::string ElfSymbols::NameOf(std::uint64_t address) const {
  const auto next = std::upper_bound(
      symbols_.begin(), symbols_.end(), address,
      [](std::uint64_t value, const Symbol& symbol) { return value < symbol.begin; });
  if (next == symbols_.begin()) return "";
  const Symbol& symbol = *std::prev(next);
  if (address >= symbol.end) return "";
  return fmt::format("{}+{:#x}", symbol.name, address - symbol.begin);
}

}  // namespace memwhy::os
