// SPDX-License-Identifier: Apache-2.0
//
// What an address of a process lies in, in words: "libfoo.so:cache+0x8", "heap", "stack". Reads the
// mappings once; libraries' symbols when they are asked for. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "os/elf_symbols.h"
#include "os/smaps.h"

namespace memwhy::recorder {

class HolderNames {
 public:
  // `redacts`: files that are no code (no part of them is executable) have no name.
  HolderNames(const FileSystem& fs, pid_t pid, bool redacts);
  std::string NameOf(std::uint64_t address);

 private:
  bool IsCode(const std::string& path) const;
  const os::ElfSymbols* SymbolsOf(const std::string& path);

  const FileSystem& fs_;
  pid_t pid_;
  bool redacts_;
  std::vector<os::Vma> maps_;
  std::map<std::string, std::optional<os::ElfSymbols>> symbols_;
};

}  // namespace memwhy::recorder
