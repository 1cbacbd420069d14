// SPDX-License-Identifier: Apache-2.0
#include "os/elf_file.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace memwhy::os {
namespace {

bool IsOfKind(const GElf_Sym& symbol, ElfSymbolKind kind) {
  const int type = GELF_ST_TYPE(symbol.st_info);
  return kind == ElfSymbolKind::kData ? type == STT_OBJECT
                                      : type == STT_FUNC || type == STT_GNU_IFUNC;
}

}  // namespace

Result<ElfFile> ElfFile::Open(const std::string& path) {
  ElfFile opened;
  MEMWHY_TRY(opened.file_, OpenRegular(path, "a library"));
  if (elf_version(EV_CURRENT) == EV_NONE) return Error("libelf is of another version");
  opened.elf_.reset(elf_begin(opened.file_.fd.get(), ELF_C_READ, nullptr));
  if (opened.elf_ == nullptr || elf_kind(opened.elf_.get()) != ELF_K_ELF) {
    return Error::Of("{} is not an ELF file", path);
  }
  return opened;
}

std::vector<ElfSymbol> ElfFile::Symbols(ElfSymbolKind kind) const {
  std::vector<ElfSymbol> found;
  for (const auto wanted : {SHT_SYMTAB, SHT_DYNSYM}) {
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
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
        if (!IsOfKind(symbol, kind) || symbol.st_shndx == SHN_UNDEF) continue;
        const char* name = elf_strptr(elf_.get(), header.sh_link, symbol.st_name);
        if (name == nullptr || *name == '\0' || symbol.st_size == 0) continue;
        found.push_back({symbol.st_value, symbol.st_value + symbol.st_size, name});
      }
    }
    if (!found.empty()) break;
  }
  return found;
}

const ElfSymbol* FindSymbol(const std::vector<ElfSymbol>& symbols, std::uint64_t address) {
  const auto next = std::upper_bound(
      symbols.begin(), symbols.end(), address,
      [](std::uint64_t value, const ElfSymbol& symbol) { return value < symbol.begin; });
  if (next == symbols.begin()) return nullptr;
  const ElfSymbol& symbol = *std::prev(next);
  return address < symbol.end ? &symbol : nullptr;
}

}  // namespace memwhy::os
