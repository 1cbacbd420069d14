// SPDX-License-Identifier: Apache-2.0
#include "report/parts/html_about.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "report/parts/html_text.h"

namespace memwhy::report {
namespace {

std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : Escape(text); }

std::string Pauses(const model::Recording& recording) {
  if (recording.heap_dump_pause_ms.empty()) return "no heap dump was taken";
  std::string out;
  for (std::size_t i = 0; i < recording.heap_dump_pause_ms.size(); ++i) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{:.1f} ms", recording.heap_dump_pause_ms[i]);
    if (i < recording.heap_dump_times.size()) {
      out += fmt::format(" at {:.1f} s", recording.heap_dump_times[i]);
    }
  }
  return out;
}

std::string Cost(const model::Recording& recording) {
  std::string out =
      recording.recorder_cpu_seconds
          ? fmt::format("recorder {:.2f} s of processor time", *recording.recorder_cpu_seconds)
          : "recorder: unknown";
  double waited_s = 0;
  for (const model::Process& process : recording.processes) {
    waited_s += static_cast<double>(process.waited_ns) / 1e9;
  }
  out += fmt::format("; the program waited {:.3f} s for the recorder", waited_s);
  if (recording.session_bytes) {
    out += "; the session takes " + BytesHtml(*recording.session_bytes);
  }
  return out;
}

std::string Processes(const model::Recording& recording) {
  std::string out =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Processes\"><table>\n"
      "<caption>Processes</caption>\n<thead><tr><th scope=\"col\" class=\"n\">pid</th>"
      "<th scope=\"col\">Python</th><th scope=\"col\">ended</th><th scope=\"col\">command</th>"
      "<th scope=\"col\" class=\"n\">lost events</th></tr></thead>\n<tbody>\n";
  for (const model::Process& process : recording.processes) {
    std::string command = Escape(process.command);
    if (!process.note.empty()) command += "<br>" + Escape(process.note);
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"n\">{}</th><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=\"n\">{}</td></tr>\n",
        process.pid, OrUnknown(process.python), OrUnknown(process.ended), command,
        FormatCount(process.lost_events));
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::string AboutHtml(const model::Recording& recording) {
  std::string out = "<dl>\n";
  out += TermHtml("Program", "<code>" + OrUnknown(recording.command) + "</code>");
  out += TermHtml("Host", OrUnknown(recording.host));
  out += TermHtml("Started", OrUnknown(recording.started) + " (UTC)");
  out += TermHtml("Recorded", FormatSeconds(recording.seconds));
  out += TermHtml("Ended", OrUnknown(recording.ended));
  out += TermHtml("Mode", OrUnknown(recording.mode) + ", every allocation");
  out += TermHtml("Lost events", FormatCount(recording.lost_events) +
                                     std::string(recording.complete ? "" : "; not complete"));
  if (!recording.damage.empty()) out += TermHtml("Damage", Escape(recording.damage));
  out += TermHtml("Pauses for heap dumps", Pauses(recording));
  out += TermHtml("Cost", Cost(recording));
  out += TermHtml("memwhy", MEMWHY_VERSION);
  for (const std::string& note : recording.notes) out += TermHtml("Note", Escape(note));
  return out + "</dl>\n" + Processes(recording);
}

}  // namespace memwhy::report
