// SPDX-License-Identifier: Apache-2.0
//
// Sub-commands of `memwhy govern` that have files of their own.
#pragma once

#include <CLI/CLI.hpp>

namespace memwhy::cli {

void AddGovernRun(CLI::App& govern, int* exit_code);  // run, replay

}  // namespace memwhy::cli
