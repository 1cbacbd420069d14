// SPDX-License-Identifier: Apache-2.0
//
// Options whose value is a number: what is none is refused in our words, and so is a negative one,
// which the conversion to an unsigned number would turn into a large one.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

namespace memwhy::cli {

// ->check(WholeNumber(1, 100)): digits only.
CLI::Validator WholeNumber(std::uint64_t least = 0, std::uint64_t most = UINT32_MAX);

// ->check(NotNegative()): any number from 0 on.
CLI::Validator NotNegative();

}  // namespace memwhy::cli
