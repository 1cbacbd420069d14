// SPDX-License-Identifier: Apache-2.0
//
// What must be equal for two measurements to be comparable: the machine's kernel, processors,
// memory, libc and huge pages; a workload's interpreter, libraries and variables that act on
// memory. A part that cannot be read is left out. One thread.
#pragma once

#include <string>

#include "base/file_system.h"
#include "gate/measure/program_run.h"
#include "gate/measurement.h"

namespace memwhy::gate {

Fingerprint MachineFingerprint(const FileSystem& fs);

// Variables of allocators, of Python and of thread pools, as the program of `spec` sees them.
Fingerprint VariablesFingerprint(const ProgramSpec& spec);

// Version and distributions of the interpreter that is started by the word `python` in `spec`'s
// place; its output goes to `spec.log`. An error: it could not be asked.
Result<Fingerprint> PythonFingerprint(const std::string& python, ProgramSpec spec);

}  // namespace memwhy::gate
