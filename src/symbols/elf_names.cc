// SPDX-License-Identifier: Apache-2.0
#include "symbols/elf_names.h"

#include <algorithm>

namespace memwhy::symbols {
namespace {

int RankOf(const GElf_Sym& symbol) {
  const int binding = GELF_ST_BIND(symbol.st_info);
  return binding == STB_GLOBAL ? 2 : binding == STB_WEAK ? 1 : 0;
}

// Where a symbol without a size ends at the latest.
std::uint64_t EndOfSection(Elf* elf, GElf_Word index) {
  GElf_Shdr header{};
  Elf_Scn* section = elf == nullptr ? nullptr : elf_getscn(elf, index);
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return 0;
  const std::uint64_t end = header.sh_addr + header.sh_size;
  return end < header.sh_addr ? 0 : end;
}

}  // namespace

ElfNames::ElfNames(Dwfl_Module* module) {
  const int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol{};
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    Elf* elf = nullptr;
    Dwarf_Addr bias = 0;
    const char* name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, &bias);
    const int type = GELF_ST_TYPE(symbol.st_info);
    if (name == nullptr || *name == '\0' || section == SHN_UNDEF || section == SHN_ABS) continue;
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) continue;
    const std::uint64_t size = symbol.st_size;
    std::uint64_t end = size != 0 ? address + size : EndOfSection(elf, section) + bias;
    if (end <= address) continue;
    symbols_.push_back({address, end, (size != 0 ? 4 : 0) + RankOf(symbol), name});
  }
  // Of one address the best comes last; names decide at last, so that the order is always the same.
  std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    if (a.rank != b.rank) return a.rank < b.rank;
    return std::string_view(a.name) > std::string_view(b.name);
  });
}

std::string ElfNames::NameOf(std::uint64_t address) const {
  auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
                                [](std::uint64_t a, const Symbol& b) { return a < b.begin; });
  // A small symbol inside of a large one (a label of assembly) does not hide it.
  constexpr int kMaxBack = 16;
  for (int i = 0; i < kMaxBack && after != symbols_.begin(); ++i) {
    --after;
    if (address < after->end) return after->name;
  }
  return "";
}

}  // namespace memwhy::symbols
