// SPDX-License-Identifier: Apache-2.0
#include "os/elf_symbols.h"

#include <fmt/core.h>

#include <algorithm>

namespace memwhy::os {

Result<ElfSymbols> ElfSymbols::Read(const std::string& path) {
  MEMWHY_TRY(const ElfFile elf, ElfFile::Open(path));
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
  symbols.symbols_ = elf.Symbols(ElfSymbolKind::kData);
  std::sort(symbols.symbols_.begin(), symbols.symbols_.end(),
            [](const ElfSymbol& a, const ElfSymbol& b) { return a.begin < b.begin; });
  return symbols;
}

std::string ElfSymbols::NameOf(std::uint64_t address) const {
  const ElfSymbol* symbol = FindSymbol(symbols_, address);
  return symbol == nullptr ? "" : fmt::format("{}+{:#x}", symbol->name, address - symbol->begin);
}

}  // namespace memwhy::os
