// SPDX-License-Identifier: Apache-2.0
//
// Functions by the symbol tables of a module: .symtab, that of its debug file, minidebuginfo
// (.gnu_debugdata), .dynsym. A symbol with a size holds for its bytes; one without (assembly) up to
// the next symbol of its section. Invariant: no name is given to an address outside. One thread.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <string>
#include <vector>

namespace memwhy::symbols {

class ElfNames {
 public:
  explicit ElfNames(Dwfl_Module* module);

  // The mangled name, "" when none is known.
  std::string NameOf(std::uint64_t address) const;

 private:
  struct Symbol {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    int rank = 0;                // of several for one address the highest is taken
    const char* name = nullptr;  // the module's own
  };
  std::vector<Symbol> symbols_;  // by begin
};

}  // namespace memwhy::symbols
