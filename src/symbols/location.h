// SPDX-License-Identifier: Apache-2.0
//
// What one address of native code stands for. Several for one address: inlined calls. Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace memwhy::symbols {

struct Location {
  std::string function;  // demangled; "" when unknown
  std::string file;      // as the compiler wrote it; "" when unknown
  int line = 0;          // 0 when unknown
  bool is_inlined = false;
  friend bool operator==(const Location&, const Location&) = default;
};

// Leaf first; the last one is the function that the linker knows. Empty: nothing is known.
using Locations = std::vector<Location>;

// A file of native code. An address in it is counted as in the file itself (p_vaddr): the address
// in the process less the load bias (dlpi_addr).
struct Module {
  std::string path;
  std::string build_id;  // lower-case hexadecimal; "" when unknown
  friend auto operator<=>(const Module&, const Module&) = default;
};

}  // namespace memwhy::symbols
