// SPDX-License-Identifier: Apache-2.0
//
// Reads the map of Python stubs (grammar: src/trampoline/frame_map.h). A file that ends early is
// read up to its last whole line; a line that makes no sense is damage and ends the reading.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/python_stubs.h"

namespace memwhy::readers {

struct StubMapParent {
  std::uint32_t pid = 0;
  std::uint64_t bytes = 0;  // so much of the parent's file belongs to the child, too
};

// Adds what the text says to `stubs`. Returns the parent that the text names.
std::optional<StubMapParent> ReadStubMap(std::string_view text, model::PythonStubs* stubs);

}  // namespace memwhy::readers
