// SPDX-License-Identifier: Apache-2.0
//
// Help texts on a terminal of 80 columns: descriptions are broken between words. A line break in a
// description stays.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace memwhy::cli {

class HelpText : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

}  // namespace memwhy::cli
