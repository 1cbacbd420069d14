// SPDX-License-Identifier: Apache-2.0
//
// Reads one module and its debug file and says what addresses mean. A damaged file is an error or
// gives fewer names; libdw itself may still crash on one, so symbolizer.h asks through isolated.h.
// One thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "symbols/answers.h"
#include "symbols/location.h"

namespace memwhy::symbols {

struct ResolveOptions {
  std::vector<std::string> debug_folders = {"/usr/lib/debug"};
  bool with_dwarf = true;  // else only the symbol tables
};

// Which files would be read, as made_from of Answers: paths, sizes and times of change.
Result<std::string> SourcesOf(const Module& module, const ResolveOptions& options);

// Every address gets an entry, empty where nothing is known. `addresses` rise strictly.
Result<Answers> ResolveModule(const Module& module, std::span<const std::uint64_t> addresses,
                              const ResolveOptions& options);

}  // namespace memwhy::symbols
