// SPDX-License-Identifier: Apache-2.0
#include "report/views/stats_json.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "report/parts/session_json.h"
#include "report/views/size_histogram.h"

namespace memwhy::report {
namespace {

Json TotalsJson(const model::Stats& stats) {
  Json peak = AmountJson(stats.peak);
  peak["at"] = stats.peak_at;
  return Json{{"live", AmountJson(stats.live)},
              {"peak", std::move(peak)},
              {"allocated", AmountJson(stats.allocated)},
              {"released", AmountJson(stats.released)},
              {"temporary", AmountJson(stats.temporary)}};
}

Json ProcessesJson(const model::Recording& recording) {
  Json processes = Json::array();
  for (const model::Process& process : recording.processes) {
    processes.push_back({{"pid", process.pid},
                         {"parent", process.parent ? Json(*process.parent) : Json(nullptr)},
                         {"ended", process.ended}});
  }
  return processes;
}

class SiteWriter {
 public:
  SiteWriter(const model::Recording& recording, const model::StackTree& stacks)
      : recording_(recording), stacks_(stacks), frames_(stacks.frame_count()) {}

  std::string Text(const model::SiteStats& site) {
    const model::SiteKey& key = site.key;
    Json head;
    const bool has_process = key.process.value < recording_.processes.size();
    head["pid"] = has_process ? Json(recording_.processes[key.process.value].pid) : Json(nullptr);
    if (key.thread.value < recording_.threads.size()) {
      const model::Thread& thread = recording_.threads[key.thread.value];
      head["thread"] = {{"tid", thread.tid}, {"name", TextOrNull(thread.name)}};
    } else {
      head["thread"] = nullptr;
    }
    head["allocator"] = wire::AllocatorName(key.allocator);
    std::string text = DumpJson(head);
    text.pop_back();  // the closing brace
    text += ",\"stack\":";
    AppendStack(key.stack, text);
    Json tail;
    tail["truncated"] = stacks_.is_truncated(key.stack);
    tail["live"] = AmountJson(site.live);
    tail["at_peak"] = AmountJson(site.at_peak);
    tail["allocated"] = AmountJson(site.allocated);
    tail["released"] = AmountJson(site.released);
    tail["temporary"] = AmountJson(site.temporary);
    text += ',';
    text += DumpJson(tail).substr(1);
    return text;
  }

 private:
  void AppendStack(model::StackId stack, std::string& text) {
    if (stack == model::kUnknownStack) {
      text += "null";
      return;
    }
    text += '[';
    for (bool is_first = true; stacks_.has_frames(stack); stack = stacks_.parent(stack)) {
      if (!std::exchange(is_first, false)) text += ',';
      std::string& frame = frames_[stacks_.leaf_id(stack).value];
      if (frame.empty()) frame = DumpJson(FrameJson(stacks_.leaf(stack)));
      text += frame;
    }
    text += ']';
  }

  const model::Recording& recording_;
  const model::StackTree& stacks_;
  std::vector<std::string> frames_;  // by frame id; "" until it is needed
};

}  // namespace

void WriteStatsJson(const model::Recording& recording, const model::StackTree& stacks,
                    const model::Stats& stats, std::size_t top, const Sink& sink) {
  Json head;
  head["schema"] = "memwhy.stats/1";
  head["session"] = SessionJson(recording);
  head["range"] = {{"from", stats.from}, {"to", stats.to}};
  head["totals"] = TotalsJson(stats);
  head["unknown_releases"] = stats.unknown_releases;
  head["unknown_unmaps"] = stats.unknown_unmaps;
  head["sizes"] = SizesJson(stats);
  head["processes"] = ProcessesJson(recording);
  std::string text = DumpJson(head);
  text.pop_back();
  sink(text);
  sink(",\"sites\":[");
  SiteWriter writer(recording, stacks);
  const std::size_t count = std::min(top, stats.sites.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) sink(",\n");
    sink(writer.Text(stats.sites[i]));
  }
  sink("]}\n");
}

}  // namespace memwhy::report
