// SPDX-License-Identifier: Apache-2.0
// The functions of an ELF file: which one does an address of its code lie in? Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/elf_file.h"

namespace memwhy::os {

class FunctionNames {
 public:
  // Reads .symtab, or .dynsym where there is none. `build_id`, hexadecimal: what the file must be;
  // "" where that is not known. An error where the file is gone, or is another one by now.
  static Result<FunctionNames> Read(const std::string& path, const std::string& build_id);

  // The symbol whose bytes hold `address`, as it stands in the file; "" when none is known.
  const std::string& NameOf(std::uint64_t address) const;

 private:
  std::vector<ElfSymbol> functions_;  // by begin
};

}  // namespace memwhy::os
