// SPDX-License-Identifier: Apache-2.0
//
// What a file executes as: read from its ELF headers, through #! lines to the interpreter. Nothing
// is mapped or executed. Context: any, also a vfork'ed child and signal handlers.
// Allocates: never.  Blocks: on the file system only.  Keeps errno: no.
#pragma once

#include <cstdint>

namespace memwhy::program {

enum class Loader : std::uint8_t {
  kUnknown,  // unreadable, or no program
  kNone,     // statically linked: nothing is preloaded
  kGlibc,
  kOther,  // musl and others
};

struct ProgramFile {
  Loader loader = Loader::kUnknown;
  bool is_our_machine = false;  // class and processor of the caller
  bool has_sanitizer = false;   // ASan and its relatives: they must be loaded first
  bool is_cpython = false;      // it has the interpreter in it, or links libpython
  bool defines_malloc = false;  // for all: its calls do not come to what is preloaded
  bool gains_rights = false;    // setuid or setgid to another: the loader ignores LD_PRELOAD
};

// Relative paths are of the working directory. `directory`: a file descriptor or AT_FDCWD; with an
// empty path the descriptor is the file.
ProgramFile LookAtProgram(int directory, const char* path) noexcept;

// Whether the base name of a library is a sanitizer's runtime: "libasan.so.8".
bool IsSanitizerName(const char* path) noexcept;

}  // namespace memwhy::program
