// SPDX-License-Identifier: Apache-2.0
//
// The option --show live|peak|allocated|temporary.
#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>

#include "report/views/stats_text.h"

namespace memwhy::cli {

inline const std::map<std::string, report::Show>& ShowNames() {
  static const std::map<std::string, report::Show> names = {
      {"live", report::Show::kLive},
      {"peak", report::Show::kPeak},
      {"allocated", report::Show::kAllocated},
      {"temporary", report::Show::kTemporary}};
  return names;
}

inline void AddShowOption(CLI::App* command, std::string& show) {
  command->add_option("--show", show, "live (at the end of the range), peak, allocated, temporary")
      ->check(CLI::IsMember(ShowNames()))
      ->default_str("live");
}

}  // namespace memwhy::cli
