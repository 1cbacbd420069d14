// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace memwhy::cli {

// memwhy.PID.mwy in the working directory, with a number more where that is taken.
std::string DefaultSession();

}  // namespace memwhy::cli
