// SPDX-License-Identifier: Apache-2.0
//
// Runs a program under valgrind's memcheck, with a frame on the C stack for each call of a Python
// function (src/trampoline) and malloc as allocator of small objects; then the same interpreter
// without a program, as a baseline. Both leave their files in one folder. Standard streams are
// those of the caller. One thread.
#pragma once

#include <string>
#include <vector>

#include "analysis/memcheck_findings.h"
#include "base/result.h"

namespace memwhy::diagnose {

struct MemcheckOptions {
  std::vector<std::string> argv;  // not empty
  std::string folder;             // of the files; exists
};

struct MemcheckOutcome {
  std::vector<analysis::MemcheckProcess> processes;  // those with a CPython
  std::vector<analysis::MemcheckProcess> baseline;
  std::size_t other_programs = 0;  // looked at by valgrind, without a CPython
  std::string started;             // RFC 3339, UTC
  double seconds = 0;
  std::string ended;  // of the program: "exit:N", "signal:N"
};

// An error: valgrind or our library is missing, or the program could not be run.
Result<MemcheckOutcome> RunMemcheck(const MemcheckOptions& options);

// What valgrind left in `folder` under `prefix`, one entry for each process with a map of Python
// functions; `others` counts those without one.
std::vector<analysis::MemcheckProcess> LoadMemcheck(const std::string& folder,
                                                    const std::string& prefix, std::size_t* others);

}  // namespace memwhy::diagnose
