// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/holder_names.h"

#include <fmt/core.h>

#include <algorithm>

namespace memwhy::recorder {

HolderNames::HolderNames(const FileSystem& fs, pid_t pid, bool redacts)
    : fs_(fs), pid_(pid), redacts_(redacts) {
  if (auto maps = os::ReadMaps(fs, pid)) maps_ = std::move(*maps);
}

bool HolderNames::IsCode(const std::string& path) const {
  return std::any_of(maps_.begin(), maps_.end(),
                     [&](const os::Vma& vma) { return vma.is_executable() && vma.name == path; });
}

const os::ElfSymbols* HolderNames::SymbolsOf(const std::string& path) {
  const auto [found, is_new] = symbols_.try_emplace(path);
  if (is_new) {
    const std::string through = fmt::format("/proc/{}/root{}", pid_, path);
    if (auto symbols = os::ElfSymbols::Read(fs_.Exists(through) ? through : path)) {
      found->second = std::move(*symbols);
    }
  }
  return found->second ? &*found->second : nullptr;
}

std::string HolderNames::NameOf(std::uint64_t address) {
  auto at = std::upper_bound(maps_.begin(), maps_.end(), address,
                             [](std::uint64_t a, const os::Vma& vma) { return a < vma.end; });
  if (at == maps_.end() || address < at->start) return "unmapped";
  if (at->name == "[heap]") return "heap";
  if (at->name.starts_with("[stack")) return "stack";
  // A library's zeroed data has no name of its own; it follows its other data.
  auto named = at;
  while (named->inode == 0 && named != maps_.begin() && std::prev(named)->end == named->start &&
         std::prev(named)->is_writable()) {
    --named;
    if (named->name == "[heap]") return "anonymous";
  }
  if (named->inode == 0) return "anonymous";
  const std::string path = named->name;
  if (redacts_ && !IsCode(path)) return "a mapped file";
  // The library begins where its first mapping does.
  std::uint64_t base = named->start;
  for (const os::Vma& vma : maps_) {
    if (vma.name == path) {
      base = vma.start - vma.offset;
      break;
    }
  }
  const std::string file = path.substr(path.rfind('/') + 1);
  const os::ElfSymbols* symbols = SymbolsOf(path);
  // What lies behind the library's data only happens to be its neighbour.
  if (named != at && symbols != nullptr && address - base >= symbols->end_of_data() &&
      address >= symbols->end_of_data()) {
    return "anonymous";
  }
  // A program that is not position-independent counts from zero.
  std::string name = symbols == nullptr ? "" : symbols->NameOf(address - base);
  if (name.empty() && symbols != nullptr) name = symbols->NameOf(address);
  return name.empty() ? fmt::format("{}+{:#x}", file, address - base)
                      : fmt::format("{}:{}", file, name);
}

}  // namespace memwhy::recorder
