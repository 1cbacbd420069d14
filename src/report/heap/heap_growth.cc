// SPDX-License-Identifier: Apache-2.0
#include "report/heap/heap_growth.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/shell_word.h"
#include "base/terminal_text.h"
#include "report/parts/session_json.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using analysis::HeapGrowth;

Json RoundJson(const HeapGrowthView::Round& round) {
  return {{"at", round.at},
          {"objects", round.objects},
          {"bytes", round.bytes},
          {"skipped", round.skipped},
          {"method", round.method},
          {"predicted_pause_ms", round.predicted_ms},
          {"pause_ms", round.pause_ms},
          {"seconds", round.seconds},
          {"raw_bytes", round.raw_bytes}};
}

template <typename Row>
std::size_t CountGrowing(const std::vector<Row>& rows) {
  return static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.grows; }));
}

std::string MoreRows(std::size_t rows, std::size_t top, const char* what) {
  if (rows <= top) return "";
  return fmt::format("... {} more {} (--top N)\n", FormatCount(rows - top), what);
}

std::string GrowthHead(const HeapGrowthView& view) {
  const HeapGrowthView::Round& last = view.rounds.back();
  std::string text = fmt::format("Process {}, counted {} times in {}\n{} objects, {} in the end\n",
                                 view.pid, view.rounds.size(), FormatSeconds(last.at),
                                 FormatCount(last.objects), FormatBytes(last.bytes));
  if (!view.stopped.empty()) {
    text += fmt::format("{} of {} rounds: {}\n", view.rounds.size(), view.planned,
                        EscapeName(view.stopped));
  }
  std::uint64_t skipped = 0;
  for (const HeapGrowthView::Round& round : view.rounds) skipped += round.skipped;
  if (skipped != 0) {
    text += fmt::format("{} objects could not be read\n", FormatCount(skipped));
  }
  return text;
}

std::string TypesText(const HeapGrowth& growth, std::size_t top) {
  const std::size_t rows = CountGrowing(growth.types);
  std::string text = fmt::format("\nTypes that grew in each interval\n{:>11} {:>11} {:>11}  {}\n",
                                 "bytes", "first", "last", "type");
  for (std::size_t i = 0; i < std::min(top, rows); ++i) {
    const HeapGrowth::Type& type = growth.types[i];
    text += fmt::format("{:>11} {:>11} {:>11}  {}\n", FormatSignedBytes(type.grown_bytes),
                        FormatCount(type.objects.front()), FormatCount(type.objects.back()),
                        ShortenLeft(type.name, 42));
  }
  return text + MoreRows(rows, top, "types");
}

std::string PairsText(const HeapGrowth& growth, std::size_t top) {
  constexpr std::size_t kNameColumns = 19;
  const std::size_t rows = CountGrowing(growth.pairs);
  if (rows == 0) return "";
  std::string text =
      fmt::format("\nReferences that grew in each interval\n{:>11} {:>11} {:>11}  {}\n", "about",
                  "first", "last", "from -> to");
  for (std::size_t i = 0; i < std::min(top, rows); ++i) {
    const HeapGrowth::Pair& pair = growth.pairs[i];
    text += fmt::format("{:>11} {:>11} {:>11}  {} -> {}\n",
                        FormatSignedBytes(static_cast<SignedBytes>(pair.about_bytes)),
                        FormatCount(pair.references.front()), FormatCount(pair.references.back()),
                        ShortenLeft(pair.referrer, kNameColumns),
                        ShortenLeft(pair.referent, kNameColumns));
  }
  return text + MoreRows(rows, top, "pairs");
}

std::string SliceText(const HeapGrowth& growth) {
  if (growth.slice.empty()) return "";
  std::string text = "\nRetained by: ";
  std::size_t column = text.size() - 1;
  for (std::size_t i = 0; i < growth.slice.size(); ++i) {
    const std::string part = (i == 0 ? "" : "<- ") + ShortenLeft(growth.slice[i], 60);
    if (i != 0 && column + 1 + part.size() > kTerminalColumns) {
      text += "\n            ";
      column = 12;
    }
    text += (i == 0 ? "" : " ") + part;
    column += part.size() + (i == 0 ? 0 : 1);
  }
  return text + "\n";
}

// The type to ask about: a class of the program's own tells more than its parts do.
std::string TypeToAsk(const HeapGrowth& growth) {
  for (const std::string& name : growth.slice) {
    if (name.find('.') != std::string::npos && name.front() != '(') return name;
  }
  if (!growth.slice.empty()) return growth.slice.front();
  return growth.types.front().name;
}

std::string NextText(const HeapGrowthView& view) {
  std::string text = "\n";
  if (view.dump) {
    text += fmt::format("All objects are in {}.\n", EscapeName(*view.dump));
  } else if (!view.no_dump.empty()) {
    text += fmt::format("No dump was written: {}\n", EscapeName(view.no_dump));
  }
  if (!Grows(view.growth)) {
    if (view.has_ended) return text;
    return text + "To see what grows slowly, count for longer:\n" +
           fmt::format("  memwhy heap growth {} --every 5m\n", view.pid);
  }
  if (view.has_ended && !view.dump) return text;
  text += "Who holds them, by name:\n";
  if (!view.dump) text += fmt::format("  memwhy heap dump {} -o d.heap\n", view.pid);
  return text + fmt::format("  memwhy heap why {} --type {}\n",
                            ShellWord(view.dump.value_or("d.heap")),
                            ShellWord(TypeToAsk(view.growth)));
}

}  // namespace

bool Grows(const HeapGrowth& growth) {
  return CountGrowing(growth.types) != 0 || CountGrowing(growth.pairs) != 0;
}

void WriteHeapGrowthJson(const HeapGrowthView& view, std::size_t top, const Sink& sink) {
  Json rounds = Json::array();
  for (const HeapGrowthView::Round& round : view.rounds) rounds.push_back(RoundJson(round));
  Json types = Json::array();
  for (std::size_t i = 0; i < std::min(top, view.growth.types.size()); ++i) {
    const HeapGrowth::Type& type = view.growth.types[i];
    types.push_back({{"type", type.name},
                     {"objects", type.objects},
                     {"shallow", type.bytes},
                     {"grows", type.grows},
                     {"grown_bytes", type.grown_bytes},
                     {"score", type.score}});
  }
  Json pairs = Json::array();
  for (std::size_t i = 0; i < std::min(top, view.growth.pairs.size()); ++i) {
    const HeapGrowth::Pair& pair = view.growth.pairs[i];
    pairs.push_back({{"referrer", pair.referrer},
                     {"is_root", pair.is_from_root},
                     {"referent", pair.referent},
                     {"references", pair.references},
                     {"grows", pair.grows},
                     {"about_bytes", pair.about_bytes},
                     {"score", pair.score}});
  }
  sink(DumpJson({{"schema", "memwhy.heap.growth/1"},
                 {"pid", view.pid},
                 {"every", view.every_seconds},
                 {"planned_rounds", view.planned},
                 {"stopped", view.stopped.empty() ? Json(nullptr) : Json(view.stopped)},
                 {"ended", view.has_ended},
                 {"rounds", std::move(rounds)},
                 {"grows", Grows(view.growth)},
                 {"types", std::move(types)},
                 {"pairs", std::move(pairs)},
                 {"slice", view.growth.slice},
                 {"dump", view.dump ? Json(*view.dump) : Json(nullptr)}}) +
       "\n");
}

std::string HeapGrowthText(const HeapGrowthView& view, std::size_t top) {
  std::string text = GrowthHead(view);
  if (!Grows(view.growth)) {
    text += "\nNo type and no kind of reference grew in each interval.\n";
  } else {
    if (CountGrowing(view.growth.types) != 0) text += TypesText(view.growth, top);
    text += PairsText(view.growth, top) + SliceText(view.growth);
  }
  return text + NextText(view);
}

}  // namespace memwhy::report
