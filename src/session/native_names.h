// SPDX-License-Identifier: Apache-2.0
//
// The frames of C code that a session recorded as file, build-id and address, in words. Names come
// from the files where they lie today; a file that is gone, or of another build, gives the library
// and the address only. Reads each file once. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "model/frame.h"
#include "os/function_names.h"
#include "wire/event.h"

namespace memwhy::session {

struct NativeModule {
  wire::ModuleKind kind = wire::ModuleKind::kFile;
  std::string path;
  std::string build_id;
};

class NativeNames {
 public:
  // nullopt: a frame that says nothing to a reader of stacks, and is left out: of the interpreter
  // itself, and, where `is_outermost`, of the C library and the loader.
  std::optional<model::Frame> Of(const NativeModule& module, std::uint64_t address,
                                 bool is_outermost);

 private:
  struct File {
    bool is_interpreter = false;
    bool is_system = false;
    std::optional<os::FunctionNames> names;
  };
  const File& FileOf(const NativeModule& module);

  std::map<std::string, File> files_;  // by path and build-id
};

}  // namespace memwhy::session
