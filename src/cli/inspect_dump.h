// SPDX-License-Identifier: Apache-2.0
//
// memwhy inspect of a heap dump's file.
#pragma once

#include <string>

namespace memwhy::cli {

struct InspectOptions {
  std::string path;
  bool has_events = false;  // each event of a session; facts in full
  bool is_json = false;
};

// Prints what is in the file; returns the exit code.
int InspectDump(const InspectOptions& options);

// A fact for a line of text: "no JSON" where it is none, cut unless it is wanted in full.
std::string FactLine(const std::string& text, bool is_full);

}  // namespace memwhy::cli
