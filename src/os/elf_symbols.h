// SPDX-License-Identifier: Apache-2.0
// The data symbols of a library: which variable does an address in its data belong to? Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/elf_file.h"

namespace memwhy::os {

class ElfSymbols {
 public:
  // Reads .symtab, or .dynsym where there is none. A library without either has no symbols.
  static Result<ElfSymbols> Read(const std::string& path);

  // Where the library's data ends, as NameOf counts; 0: it has none.
  std::uint64_t end_of_data() const { return end_of_data_; }

  // "name+offset" of the variable that holds the byte `address` bytes from the start of the
  // library's address range, "" when none is known.
  std::string NameOf(std::uint64_t address) const;

 private:
  std::vector<ElfSymbol> symbols_;  // by begin
  std::uint64_t end_of_data_ = 0;
};

}  // namespace memwhy::os
