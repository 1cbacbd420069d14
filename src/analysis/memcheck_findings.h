// SPDX-License-Identifier: Apache-2.0
//
// What memcheck's errors say of a Python program: findings of the extensions below it. What the
// same interpreter does without a program (the baseline) is subtracted, by stack. Errors that one
// cause makes are one finding. Blocks that only the interpreter lost, and what an extension keeps
// from its initialisation on, blame nobody. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/finding.h"
#include "model/memcheck.h"
#include "model/python_stubs.h"

namespace memwhy::analysis {

struct MemcheckProcess {
  model::MemcheckRun run;
  model::PythonStubs stubs;
};

struct MemcheckVerdict {
  std::string summary;
  std::vector<Finding> findings;  // most severe first, then most bytes
  std::vector<Check> checks;
  bool is_complete = true;   // each process was looked at to its end
  std::uint64_t blamed = 0;  // findings that blame somebody
};

// `baseline`: the same interpreter without a program; empty when none was run.
MemcheckVerdict JudgeMemcheck(const std::vector<MemcheckProcess>& processes,
                              const std::vector<MemcheckProcess>& baseline);

}  // namespace memwhy::analysis
