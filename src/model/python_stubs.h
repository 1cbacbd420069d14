// SPDX-License-Identifier: Apache-2.0
//
// Which addresses of a process are calls of Python functions: the map that the trampoline library
// writes (src/trampoline/frame_map.h). Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

namespace memwhy::model {

struct PythonCode {
  std::string function;
  std::string file;
  int first_line = 0;
};

struct PythonStub {
  std::uint64_t bytes = 0;
  std::uint32_t code = 0;
  std::uint32_t caller = 0;  // 0: not known
  int line = 0;              // of the call, in the caller; 0: not known
};

struct PythonStubs {
  std::string version;     // "3.11.2"; "" without a map
  std::string executable;  // of the interpreter
  std::string allocator;   // of PyMem_Malloc; "" when the interpreter does not say
  std::unordered_map<std::uint32_t, PythonCode> codes;
  std::map<std::uint64_t, PythonStub> stubs;  // by address
  std::string stopped;                        // why calls got no stubs, or none from some time on
  std::string damage;

  const PythonCode* FindCode(std::uint32_t id) const {
    const auto found = codes.find(id);
    return found == codes.end() ? nullptr : &found->second;
  }
  // The stub that the address lies in, or nullptr.
  const PythonStub* Find(std::uint64_t address) const {
    auto after = stubs.upper_bound(address);
    if (after == stubs.begin()) return nullptr;
    --after;
    return address - after->first < after->second.bytes ? &after->second : nullptr;
  }
};

}  // namespace memwhy::model
