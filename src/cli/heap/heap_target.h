// SPDX-License-Identifier: Apache-2.0
//
// The live process that a heap command walks over: its options, and what is said before.
#pragma once

#include <CLI/CLI.hpp>
#include <string_view>

#include "recorder/dump/heap_dump.h"

namespace memwhy::cli {

struct HeapTarget {
  int pid = 0;
  double max_pause_ms = 0;
  bool in_place = false;

  // Adds PID, --max-pause and --in-place, which live as long as this.
  void AddOptions(CLI::App& command);
  recorder::HeapDumpOptions DumpOptions() const;
  // Says on stderr what is predicted; `when`: "" or " each time". Does not outlive this.
  recorder::OnPrediction Announcement(std::string_view when) const;
};

}  // namespace memwhy::cli
