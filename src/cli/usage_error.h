// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a command line, in our words instead of the parser's. Pure.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace memwhy::cli {

// `app` is the application whose parse threw the error.
std::string UsageMessage(const CLI::App& app, const CLI::ParseError& error);

}  // namespace memwhy::cli
