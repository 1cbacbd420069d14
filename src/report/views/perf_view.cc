// SPDX-License-Identifier: Apache-2.0
#include "report/views/perf_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/strings.h"
#include "base/terminal_text.h"

namespace memwhy::report {
namespace {

struct FunctionRow {
  std::string name;
  std::uint64_t self = 0;
  std::uint64_t total = 0;
};

// "Cache.put (app.py)", "dgemm_ (libopenblas.so.0)".
std::string FunctionName(const model::Frame& frame) {
  const std::string function = frame.function.empty() ? "?" : frame.function;
  const std::string place = frame.file.empty() ? frame.module : std::string(Basename(frame.file));
  return EscapeName(place.empty() ? function : function + " (" + place + ")");
}

std::vector<FunctionRow> RowsOf(const model::PerfProfile& profile) {
  std::map<std::string, FunctionRow> rows;
  for (const model::PerfStack& stack : profile.stacks) {
    std::set<std::string> seen;  // recursion counts once
    for (const model::Frame& frame : stack.frames) {
      const std::string name = FunctionName(frame);
      FunctionRow& row = rows[name];
      row.name = name;
      if (seen.empty()) row.self += stack.samples;
      if (seen.insert(name).second) row.total += stack.samples;
    }
  }
  std::vector<FunctionRow> sorted;
  for (auto& [name, row] : rows) sorted.push_back(std::move(row));
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.self, a.total) > std::tie(b.self, b.total);
  });
  return sorted;
}

double Percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Json PerfDocument(const std::string& source, const model::PerfScript& script,
                  const model::PerfProfile& profile) {
  Json stacks = Json::array();
  for (const model::PerfStack& stack : profile.stacks) {
    Json frames = Json::array();
    for (const model::Frame& frame : stack.frames) frames.push_back(FrameJson(frame));
    stacks.push_back({{"stack", std::move(frames)},
                      {"samples", stack.samples},
                      {"event", stack.event},
                      {"truncated", stack.is_truncated}});
  }
  Json document;
  document["schema"] = "memwhy.perf/1";
  document["session"] = nullptr;
  document["script"] = source;
  document["samples"] = script.samples;
  document["lost"] = script.lost;
  document["without_python"] = profile.without_python;
  document["truncated"] = profile.truncated;
  document["left_out"] = script.left_out;
  document["lines"] = script.lines;
  document["unparsed"] = script.unparsed;
  document["stacks"] = std::move(stacks);
  return document;
}

std::string PerfText(const std::string& source, const model::PerfScript& script,
                     const model::PerfProfile& profile, std::size_t top) {
  std::string text =
      fmt::format("{}: {} samples, {} lost\n", EscapeName(source), script.samples, script.lost);
  if (script.left_out > 0) text += fmt::format("{} samples left out\n", script.left_out);
  if (script.unparsed > 0) {
    text += fmt::format("{} of {} lines could not be understood\n", script.unparsed, script.lines);
  }
  if (profile.without_python > 0) {
    text += fmt::format("{:.1f} % of the samples have no Python frame\n",
                        Percent(profile.without_python, script.samples));
  }
  if (profile.truncated > 0) {
    text += fmt::format("{:.1f} % of the samples have a cut stack: its callers are unknown\n",
                        Percent(profile.truncated, script.samples));
  }
  const std::vector<FunctionRow> rows = RowsOf(profile);
  if (rows.empty()) return text;
  text += "\n   self   total  function\n";
  for (std::size_t i = 0; i < rows.size() && i < top; ++i) {
    constexpr std::size_t kWidth = 62;
    std::string name = rows[i].name;
    if (name.size() > kWidth) name = "..." + name.substr(name.size() - (kWidth - 3));
    text += fmt::format("{:5.1f} % {:5.1f} %  {}\n", Percent(rows[i].self, script.samples),
                        Percent(rows[i].total, script.samples), name);
  }
  if (rows.size() > top) text += fmt::format("... and {} more functions\n", rows.size() - top);
  return text;
}

}  // namespace memwhy::report
