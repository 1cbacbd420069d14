// SPDX-License-Identifier: Apache-2.0
//
// What valgrind's memcheck says of one process: errors with stacks of C frames, leaf first. Plain
// data, filled by a reader. What the tool does not say is 0, "" or std::nullopt.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace memwhy::model {

struct NativeFrame {
  std::uint64_t address = 0;
  std::string object;     // the file that was mapped there; "" for none
  std::string function;   // "" without symbols
  std::string directory;  // of `file`
  std::string file;
  int line = 0;
  friend auto operator<=>(const NativeFrame&, const NativeFrame&) = default;
};

struct MemcheckStack {
  std::string says;  // what this stack is; "" for the first one, where the error happened
  std::vector<NativeFrame> frames;
};

struct MemcheckError {
  std::uint64_t id = 0;  // valgrind's "unique"
  std::string kind;      // "InvalidWrite", "Leak_DefinitelyLost", ...
  std::string says;
  std::optional<Bytes> leaked_bytes;  // direct and indirect
  std::optional<std::uint64_t> leaked_blocks;
  std::uint64_t count = 1;  // how often it happened
  std::vector<MemcheckStack> stacks;
};

struct MemcheckRun {
  std::uint32_t pid = 0;
  std::uint32_t parent = 0;
  std::string tool;                  // "memcheck"
  std::vector<std::string> command;  // of the program
  std::vector<MemcheckError> errors;
  std::uint64_t left_out = 0;  // errors beyond the reader's bound
  std::string fatal_signal;    // "SIGSEGV": what ended the process
  bool is_finished = false;    // the tool came to its end
  std::string damage;          // why the rest of the text could not be read; "" when it was
};

}  // namespace memwhy::model
