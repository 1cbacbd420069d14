// SPDX-License-Identifier: Apache-2.0
// An ELF file that is open for libelf, and the symbols of one kind in it. One thread.
#pragma once

#include <gelf.h>
#include <libelf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/regular_file.h"
#include "base/result.h"

namespace memwhy::os {

// A symbol that is defined in its file, with a name and a size. Addresses are those of the file.
struct ElfSymbol {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string name;
};

enum class ElfSymbolKind : std::uint8_t { kData, kFunction };

class ElfFile {
 public:
  static Result<ElfFile> Open(const std::string& path);

  Elf* get() const { return elf_.get(); }
  // Of .symtab, or of .dynsym where that has none; in no order.
  std::vector<ElfSymbol> Symbols(ElfSymbolKind kind) const;

 private:
  struct End {
    void operator()(Elf* elf) const { elf_end(elf); }
  };
  RegularFile file_;
  std::unique_ptr<Elf, End> elf_;
};

// The one of `symbols`, sorted by begin, that holds `address`; null: none.
const ElfSymbol* FindSymbol(const std::vector<ElfSymbol>& symbols, std::uint64_t address);

}  // namespace memwhy::os
