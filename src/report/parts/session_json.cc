// SPDX-License-Identifier: Apache-2.0
#include "report/parts/session_json.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::report {
namespace {

Json ExitStatus(std::string_view ended) {
  if (!ConsumePrefix(ended, "exit:")) return nullptr;
  const auto status = ParseUint(ended);
  return status ? Json(*status) : Json(nullptr);
}

Json Operations(const model::Recording& recording) {
  std::map<std::string_view, std::uint64_t> counts;
  for (const model::Mark& mark : recording.marks) counts[mark.name] += mark.count;
  std::optional<std::uint64_t> most;
  for (const auto& [name, count] : counts) most = std::max(most.value_or(0), count);
  return most ? Json(*most) : Json(nullptr);
}

// The recorder's processor time beside the target's own.
Json CpuRatio(const model::Recording& recording) {
  double target_seconds = 0;
  std::map<std::uint32_t, double> last;
  for (const model::OsSample& sample : recording.os_samples) {
    if (sample.cpu_seconds) last[sample.process.value] = *sample.cpu_seconds;
  }
  for (const auto& [process, seconds] : last) target_seconds += seconds;
  if (!recording.recorder_cpu_seconds || target_seconds <= 0) return nullptr;
  return *recording.recorder_cpu_seconds / target_seconds;
}

}  // namespace

Json AmountJson(const model::Amount& amount) {
  return Json{{"bytes", amount.bytes}, {"blocks", amount.blocks}};
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

const char* LanguageName(model::Language language) {
  switch (language) {
    case model::Language::kPython:
      return "python";
    case model::Language::kCython:
      return "cython";
    case model::Language::kC:
      return "c";
  }
  return "python";
}

Json FrameJson(const model::Frame& frame) {
  return Json{{"function", TextOrNull(frame.function)},
              {"module", TextOrNull(frame.module)},
              {"file", TextOrNull(frame.file)},
              {"line", frame.line > 0 ? Json(frame.line) : Json(nullptr)},
              {"language", LanguageName(frame.language)}};
}

Json SessionJson(const model::Recording& recording) {
  const model::Process* main = recording.processes.empty() ? nullptr : &recording.processes.front();
  double longest_pause_ms = 0;
  for (const double pause_ms : recording.heap_dump_pause_ms) {
    longest_pause_ms = std::max(longest_pause_ms, pause_ms);
  }
  Json session;
  session["target"] = TextOrNull(recording.command);
  session["pid"] = main == nullptr ? Json(nullptr) : Json(main->pid);
  session["python"] = main == nullptr ? Json(nullptr) : TextOrNull(main->python);
  session["started"] = TextOrNull(recording.started);
  session["seconds"] = recording.seconds;
  session["mode"] = TextOrNull(recording.mode);
  session["exit_status"] = ExitStatus(recording.ended);
  session["ended"] = recording.ended;
  session["lost_events"] = recording.lost_events;
  session["complete"] = recording.complete;
  session["damage"] = TextOrNull(recording.damage);
  session["folded"] = recording.folded ? Json{{"until", recording.folded->until},
                                              {"why", recording.folded->why},
                                              {"events", recording.folded->events}}
                                       : Json(nullptr);
  session["notes"] = recording.notes;
  session["cost"] = {{"target_cpu_ratio", CpuRatio(recording)}, {"pause_ms_max", longest_pause_ms}};
  session["operations"] = Operations(recording);
  return session;
}

std::string DumpJson(const Json& document) {
  return EscapeJson(document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace memwhy::report
