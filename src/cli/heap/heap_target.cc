// SPDX-License-Identifier: Apache-2.0
#include "cli/heap/heap_target.h"

#include <fmt/core.h>

#include "base/bytes.h"
#include "base/terminal_text.h"
#include "cli/number_option.h"

namespace memwhy::cli {

void HeapTarget::AddOptions(CLI::App& command) {
  command.add_option("pid", pid, "A process that runs under memwhy run")
      ->required()
      ->type_name("PID")
      ->check(WholeNumber(1, INT32_MAX));
  command.add_option("--max-pause", max_pause_ms, "Refuse a longer predicted pause")
      ->type_name("MS")
      ->check(NotNegative());
  command.add_flag("--in-place", in_place,
                   "No clone: walk with the GIL held (longer pause, less memory)");
}

recorder::HeapDumpOptions HeapTarget::DumpOptions() const {
  recorder::HeapDumpOptions dump;
  dump.pid = pid;
  dump.max_pause_ms = max_pause_ms;
  dump.in_place = in_place;
  return dump;
}

recorder::OnPrediction HeapTarget::Announcement(std::string_view when) const {
  return [this, when](const recorder::HeapReply& predicted) {
    Warn("process {}: pause: about {:.1f} ms{} ({}); memory meanwhile: about {}", pid,
         predicted.predicted_ms, when,
         predicted.method == "in_place" ? "the walk holds the GIL" : "a clone is made",
         FormatBytes(static_cast<Bytes>(predicted.predicted_bytes)));
  };
}

}  // namespace memwhy::cli
