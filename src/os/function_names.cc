// SPDX-License-Identifier: Apache-2.0
#include "os/function_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace memwhy::os {
namespace {

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
  MEMWHY_TRY(const ElfFile elf, ElfFile::Open(path));
  if (!build_id.empty() && BuildIdOf(elf.get()) != build_id) {
    return Error::Of("{} is another build than the one that was recorded", path);
  }
  FunctionNames names;
  names.functions_ = elf.Symbols(ElfSymbolKind::kFunction);
  // Of several names for one address the first by text: the same in every run.
  std::sort(names.functions_.begin(), names.functions_.end(),
            [](const ElfSymbol& a, const ElfSymbol& b) {
              return a.begin != b.begin ? a.begin < b.begin : a.name > b.name;
            });
  return names;
}

const std::string& FunctionNames::NameOf(std::uint64_t address) const {
  static const std::string kNone;
  const ElfSymbol* function = FindSymbol(functions_, address);
  return function == nullptr ? kNone : function->name;
}

}  // namespace memwhy::os
