// SPDX-License-Identifier: Apache-2.0
#include "os/function_names.h"

#include <fmt/core.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/regular_file.h"

namespace memwhy::os {
namespace {

struct CloseElf {
  void operator()(Elf* elf) const { elf_end(elf); }
};

std::string BuildIdOf(Elf* elf) {
  Elf_Scn* section = nullptr;
  while ((section = elf_nextscn(elf, section)) != nullptr) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    Elf_Data* data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) continue;
    std::size_t at = 0;
    std::size_t name = 0;
    std::size_t content = 0;
    GElf_Nhdr note;
    while ((at = gelf_getnote(data, at, &note, &name, &content)) != 0) {
      const auto* bytes = static_cast<const unsigned char*>(data->d_buf);
      if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
          std::memcmp(bytes + name, "GNU", 4) != 0) {
        continue;
      }
      std::string text;
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        text += fmt::format("{:02x}", bytes[content + i]);
      }
      return text;
    }
  }
  return "";
}

}  // namespace

Result<FunctionNames> FunctionNames::Read(const std::string& path, const std::string& build_id) {
  MEMWHY_TRY(const RegularFile file, OpenRegular(path, "a library"));
  if (elf_version(EV_CURRENT) == EV_NONE) return Error("libelf is of another version");
  const std::unique_ptr<Elf, CloseElf> elf(elf_begin(file.fd.get(), ELF_C_READ, nullptr));
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF) {
    return Error::Of("{} is not an ELF file", path);
  }
  if (!build_id.empty() && BuildIdOf(elf.get()) != build_id) {
    return Error::Of("{} is another build than the one that was recorded", path);
  }
  FunctionNames names;
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
        const int type = GELF_ST_TYPE(symbol.st_info);
        if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF) continue;
        const char* name = elf_strptr(elf.get(), header.sh_link, symbol.st_name);
        if (name == nullptr || *name == '\0' || symbol.st_size == 0) continue;
        names.functions_.push_back({symbol.st_value, symbol.st_value + symbol.st_size, name});
      }
    }
    if (!names.functions_.empty()) break;
  }
  // Of several names for one address the first by text: the same in every run.
  std::sort(names.functions_.begin(), names.functions_.end(),
            [](const Function& a, const Function& b) {
              return a.begin != b.begin ? a.begin < b.begin : a.name > b.name;
            });
  return names;
}

const std::string& FunctionNames::NameOf(std::uint64_t address) const {
  static const std::string kNone;
  const auto next = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](std::uint64_t value, const Function& function) { return value < function.begin; });
  if (next == functions_.begin()) return kNone;
  const Function& function = *std::prev(next);
  return address < function.end ? function.name : kNone;
}

}  // namespace memwhy::os
