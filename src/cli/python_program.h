// SPDX-License-Identifier: Apache-2.0
//
// Programs that memwhy's own Python package runs: which interpreter, which script, and where the
// package is.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace memwhy::cli {

struct PythonProgram {
  std::string python;                // as given, or python3
  std::vector<std::string> options;  // of the interpreter
  std::vector<std::string> script;   // SCRIPT ARGS... or -m MODULE ARGS...
};
// What stands behind "--": SCRIPT.py ARGS..., or PYTHON [OPTIONS] SCRIPT ARGS.... An error says
// what is no such thing. `python` is the interpreter of a script alone.
Result<PythonProgram> ReadPythonProgram(const std::vector<std::string>& arguments,
                                        const std::string& python);

// A file of the Python package, e.g. "_tf_loads.py": MEMWHY_PACKAGE (the package's folder, alone if
// it is set), else the package that this program lies in, or that of its source tree.
Result<std::string> FindPackageFile(const std::string& name);

// This program.
std::string OwnPath();

}  // namespace memwhy::cli
