// SPDX-License-Identifier: Apache-2.0
//
// The ELF file that a pc lies in, as the loader has mapped it, and the unwind rule that it has for
// the pc. Asks the loader by _dl_find_object (glibc 2.35): no lock, no malloc, right also while
// another thread loads or unloads. Without it nothing is found, and stacks say that they are cut.
// Tables of a file that does not decode cost the frames in this file.
// Context: any thread, inside malloc.  Allocates: never.
#pragma once

#include <cstdint>

#include "agent/unwind/call_frame_program.h"

namespace memwhy::agent {

struct CodeModule {
  std::uintptr_t begin = 0;  // of the mappings; where its ELF header lies
  std::uintptr_t end = 0;
  std::uintptr_t bias = 0;     // runtime address - address in the file
  const char* path = nullptr;  // the loader's; "" of the program itself
  const std::uint8_t* build_id = nullptr;
  std::uint32_t build_id_bytes = 0;
  std::uintptr_t table = 0;  // .eh_frame_hdr, 0: none
  TableBytes table_bytes{};  // of .eh_frame_hdr
  TableBytes segment{};      // in which .eh_frame lies
};

// Looks _dl_find_object up. Once, before any thread asks. False: this C library has none.
bool PrepareModules() noexcept;

bool FindModule(std::uintptr_t pc, CodeModule* module) noexcept;

// The rule of `pc`; *function: the begin of the function, or of its part, that it lies in, or 0.
FrameRule FindRule(std::uintptr_t pc, std::uintptr_t* function) noexcept;

}  // namespace memwhy::agent
