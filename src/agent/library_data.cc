// SPDX-License-Identifier: Apache-2.0
#include "agent/library_data.h"

#include <elf.h>
#include <link.h>

#include <cstring>

#include "agent/fault_guard.h"
#include "cpython/peek.h"

namespace memwhy::agent {

using cpython::Address;

namespace {

Address ReadEnd(const Mapping& first) noexcept {
  if (!first.is_readable || first.offset != 0 || first.end - first.begin < sizeof(ElfW(Ehdr)))
    return 0;
  const auto header = cpython::Peek<ElfW(Ehdr)>(first.begin, 0);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return 0;
  if (header.e_phentsize != sizeof(ElfW(Phdr))) return 0;
  Address lowest = ~Address{0};
  Address end = 0;
  for (std::uint32_t i = 0; i < header.e_phnum; ++i) {
    const Address at = first.begin + header.e_phoff + Address{i} * sizeof(ElfW(Phdr));
    if (at + sizeof(ElfW(Phdr)) > first.end) return 0;
    const auto segment = cpython::Peek<ElfW(Phdr)>(at, 0);
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_vaddr < lowest) lowest = segment.p_vaddr;
    if ((segment.p_flags & PF_W) != 0 && segment.p_vaddr + segment.p_memsz > end) {
      end = segment.p_vaddr + segment.p_memsz;
    }
  }
  return end == 0 ? 0 : first.begin + end - (lowest & ~Address{4095});
}

}  // namespace

Address EndOfData(const Mapping& first) noexcept {
  FaultGuard guard;
  const Address end = MEMWHY_GUARD(guard) == 0 ? ReadEnd(first) : 0;
  guard.Disarm();
  return end;
}

}  // namespace memwhy::agent
