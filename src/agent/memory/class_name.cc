// SPDX-License-Identifier: Apache-2.0
#include "agent/memory/class_name.h"

#include <cstring>

#include "agent/ground/raw_memory.h"

namespace memwhy::agent {
namespace {

constexpr std::uint64_t kClassNameLeastAddress = 1 << 20;

bool CopyWord(std::uint64_t from, std::uint64_t* word) noexcept {
  return CopyCarefully(from, word, 8) == 8;
}

}  // namespace

std::uint64_t TypeInfoOf(const MemoryMap& map, std::uint64_t vtable) noexcept {
  if ((vtable & 7) != 0) return 0;
  const Mapping* mapping = map.Find(vtable);
  const bool is_library_data =
      mapping != nullptr && mapping->is_file && mapping->is_readable && !mapping->is_executable;
  std::uint64_t info = 0;  // the word before the first virtual function
  if (!is_library_data || !CopyWord(vtable - 8, &info)) return 0;
  return (info & 7) == 0 && info >= kClassNameLeastAddress ? info : 0;
}

std::size_t ReadClassName(std::uint64_t type_info, char* name, std::size_t room) noexcept {
  name[0] = 0;
  std::uint64_t text = 0;  // its second word
  if (!CopyWord(type_info + 8, &text) || text < kClassNameLeastAddress) return 0;
  const std::size_t got = CopyCarefully(text, name, room - 1);
  std::size_t n = 0;
  while (n < got && name[n] > ' ' && name[n] < 0x7f) ++n;
  const bool is_plausible =
      n >= 3 && (n == got || name[n] == 0) &&
      (name[0] == 'N' || name[0] == 'S' || name[0] == '*' || (name[0] >= '0' && name[0] <= '9'));
  name[is_plausible ? n : 0] = 0;
  return is_plausible ? n : 0;
}

std::uint64_t BaseInfoOf(const MemoryMap& map, std::uint64_t type_info) noexcept {
  std::uint64_t words[5] = {};  // {virtual table, name}, then what the kind of class says
  const std::size_t count = CopyCarefully(type_info, words, sizeof(words)) / 8;
  if (count < 3) return 0;
  const std::uint64_t kind = TypeInfoOf(map, words[0]);
  char name[64];
  if (kind == 0 || ReadClassName(kind, name, sizeof(name)) == 0) return 0;
  std::uint64_t base = 0;
  if (std::strcmp(name, "N10__cxxabiv120__si_class_type_infoE") == 0) {
    base = words[2];
  } else if (count == 5 && std::strcmp(name, "N10__cxxabiv121__vmi_class_type_infoE") == 0) {
    // {u32 flags, u32 bases}, then of each base {type_info, offset << 8 | is virtual}.
    const bool is_first = words[4] >> 8 == 0 && (words[4] & 1) == 0;
    base = words[2] >> 32 != 0 && is_first ? words[3] : 0;
  }
  return (base & 7) == 0 && base >= kClassNameLeastAddress ? base : 0;
}

}  // namespace memwhy::agent
