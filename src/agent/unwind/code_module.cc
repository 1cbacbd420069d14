// SPDX-License-Identifier: Apache-2.0
#include "agent/unwind/code_module.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstring>

#include "agent/unwind/byte_reader.h"

namespace memwhy::agent {
namespace {

// struct dl_find_object of <dlfcn.h>, which headers before glibc 2.35 do not have.
struct FoundObject {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  link_map* link;
  void* eh_frame;  // .eh_frame_hdr
  unsigned long long reserved[7];
};

int (*g_find_object)(void*, FoundObject*) = nullptr;

constexpr int kMaxSegments = 64;
constexpr std::uint32_t kMaxBuildId = 64;

TableBytes BytesAt(std::uintptr_t begin, std::uint64_t bytes) noexcept {
  const auto* at = reinterpret_cast<const std::uint8_t*>(begin);
  return {at, at + bytes};
}

void FindBuildId(TableBytes notes, CodeModule* module) noexcept {
  ByteReader in{notes.begin, notes.end};
  while (in.left() >= sizeof(Elf64_Nhdr)) {
    const auto note = in.Take<Elf64_Nhdr>();
    const std::uint8_t* const name = in.at;
    in.Skip((std::uint64_t{note.n_namesz} + 3) & ~std::uint64_t{3});
    const std::uint8_t* const content = in.at;
    in.Skip((std::uint64_t{note.n_descsz} + 3) & ~std::uint64_t{3});
    if (in.is_bad) return;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= kMaxBuildId &&
        std::memcmp(name, "GNU", 4) == 0) {
      module->build_id = content;
      module->build_id_bytes = note.n_descsz;
      return;
    }
  }
}

// What the file's program headers say, as far as it lies in [begin, end).
bool ReadHeaders(CodeModule* module) noexcept {
  if (module->end - module->begin < sizeof(Elf64_Ehdr)) return false;
  Elf64_Ehdr header;
  std::memcpy(&header, reinterpret_cast<const void*>(module->begin), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phnum > kMaxSegments ||
      header.e_phentsize != sizeof(Elf64_Phdr)) {
    return false;
  }
  // They stand behind the header, in the page that is mapped with it.
  const std::uint64_t bytes = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
  if (header.e_phoff > 4096 - sizeof(Elf64_Phdr) || header.e_phoff + bytes > 4096) return false;
  const auto* segments = reinterpret_cast<const Elf64_Phdr*>(module->begin + header.e_phoff);
  const auto is_inside = [&](std::uintptr_t at, std::uint64_t size) {
    return at >= module->begin && at <= module->end && size <= module->end - at;
  };
  for (int i = 0; i < header.e_phnum; ++i) {
    const Elf64_Phdr& segment = segments[i];
    const std::uintptr_t at = module->bias + segment.p_vaddr;
    if (!is_inside(at, segment.p_filesz)) continue;
    if (segment.p_type == PT_GNU_EH_FRAME && (segment.p_flags & PF_R) != 0) {
      module->table = at;
      module->table_bytes = BytesAt(at, segment.p_filesz);
    } else if (segment.p_type == PT_NOTE && module->build_id == nullptr &&
               (segment.p_flags & PF_R) != 0) {
      FindBuildId(BytesAt(at, segment.p_filesz), module);
    }
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    const Elf64_Phdr& segment = segments[i];
    const std::uintptr_t at = module->bias + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && (segment.p_flags & PF_R) != 0 &&
        is_inside(at, segment.p_filesz) && module->table >= at &&
        module->table - at < segment.p_filesz) {
      module->segment = BytesAt(at, segment.p_filesz);
      if (module->table_bytes.end > module->segment.end) {
        module->table_bytes.end = module->segment.end;
      }
      return true;
    }
  }
  module->table = 0;
  return true;
}

// By the sorted table of .eh_frame_hdr: the entry that covers `pc`. Null: there is none.
const std::uint8_t* FindEntry(const CodeModule& module, std::uintptr_t pc) noexcept {
  ByteReader in{module.table_bytes.begin, module.table_bytes.end};
  const auto version = in.Take<std::uint8_t>();
  const auto frame_encoding = in.Take<std::uint8_t>();
  const auto count_encoding = in.Take<std::uint8_t>();
  const auto table_encoding = in.Take<std::uint8_t>();
  constexpr std::uint8_t kDataRelative4 = 0x3b;  // what linkers write
  if (in.is_bad || version != 1 || table_encoding != kDataRelative4) return nullptr;
  ReadEncoded(in, frame_encoding, module.table);
  const std::uint64_t count = ReadEncoded(in, count_encoding, module.table);
  struct Item {
    std::int32_t function;
    std::int32_t entry;
  };
  if (in.is_bad || count == 0 || count > in.left() / sizeof(Item)) return nullptr;
  const std::uint8_t* const items = in.at;
  const auto wanted = static_cast<std::int64_t>(pc - module.table);
  const auto item = [items](std::uint64_t index) {
    Item value;
    std::memcpy(&value, items + index * sizeof(Item), sizeof(Item));
    return value;
  };
  std::uint64_t low = 0;
  std::uint64_t high = count;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (item(middle).function <= wanted ? low : high) = middle;
  }
  if (item(low).function > wanted) return nullptr;
  const std::uintptr_t at =
      module.table + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(item(low).entry));
  return reinterpret_cast<const std::uint8_t*>(at);
}

}  // namespace

bool PrepareModules() noexcept {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what dlsym gives
  g_find_object =
      reinterpret_cast<int (*)(void*, FoundObject*)>(dlsym(RTLD_DEFAULT, "_dl_find_object"));
  return g_find_object != nullptr;
}

bool FindModule(std::uintptr_t pc, CodeModule* module) noexcept {
  FoundObject found{};
  if (g_find_object == nullptr || g_find_object(reinterpret_cast<void*>(pc), &found) != 0) {
    return false;
  }
  *module = {};
  module->begin = reinterpret_cast<std::uintptr_t>(found.map_start);
  module->end = reinterpret_cast<std::uintptr_t>(found.map_end);
  module->bias = found.link == nullptr ? 0 : found.link->l_addr;
  module->path = found.link == nullptr ? "" : found.link->l_name;
  return ReadHeaders(module);
}

FrameRule FindRule(std::uintptr_t pc, std::uintptr_t* function) noexcept {
  *function = 0;
  CodeModule module;
  if (!FindModule(pc, &module) || module.table == 0) return {};
  const std::uint8_t* at = FindEntry(module, pc);
  FrameEntryOfTable entry;
  if (at == nullptr || !ReadFrameEntry(module.segment, at, &entry)) return {};
  if (pc < entry.begin || pc >= entry.end) return {};
  *function = entry.begin;
  return RuleAt(entry, pc);
}

}  // namespace memwhy::agent
