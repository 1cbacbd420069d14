// SPDX-License-Identifier: Apache-2.0
#include "report/gclog/gclog_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "report/parts/wrap.h"
#include "report/views/columns.h"

namespace memwhy::report {
namespace {

using analysis::GcSum;

std::string Counted(std::uint64_t count, const char* one, const char* many) {
  return FormatCount(count) + " " + (count == 1 ? one : many);
}

// The text gives ten thousandths of a second; less than one is not nothing.
std::string PauseText(double seconds) { return seconds == 0 ? "< 100 us" : FormatSeconds(seconds); }

std::string Answer(const model::GcLog& log, const analysis::GcSummary& summary) {
  const GcSum& all = summary.all;
  const auto full =
      std::find_if(summary.by_generation.begin(), summary.by_generation.end(),
                   [](const GcSum& sum) { return sum.generation == std::uint8_t{2}; });
  if (all.collections == 0) {
    if (log.shutdown_collections > 0) {
      return fmt::format(
          "Nothing but {} of the interpreter's exit; --json --keep-shutdown lists them.",
          Counted(log.shutdown_collections, "collection", "collections"));
    }
    if (log.collectable_objects + log.uncollectable_objects > 0) {
      return fmt::format(
          "{} listed, and no collection: gc.DEBUG_STATS was not set, so generations, pauses and "
          "sums are unknown.",
          Counted(log.collectable_objects + log.uncollectable_objects, "object is", "objects are"));
    }
    return fmt::format(
        "No text of the garbage collector in {}. A program writes it to stderr after "
        "gc.set_debug(gc.DEBUG_STATS).",
        Counted(log.lines, "line", "lines"));
  }
  std::string text = Counted(all.collections, "collection", "collections");
  const bool knows_generations =
      full != summary.by_generation.end() || summary.by_generation.front().generation.has_value();
  text += !knows_generations ? std::string(", generation unknown; ")
          : full == summary.by_generation.end()
              ? std::string(", 0 full; ")
              : fmt::format(", {} full; ", FormatCount(full->collections));
  text += all.timed == 0 ? "pauses are unknown; "
                         : fmt::format("{} in all, the longest pause {}; ", PauseText(all.seconds),
                                       PauseText(all.longest_seconds));
  if (all.without_end == all.collections) return text + "what they found is unknown.";
  return text + fmt::format("{} collected, {} uncollectable.",
                            Counted(all.collected, "object", "objects"),
                            FormatCount(all.uncollectable));
}

std::string SumRow(const std::string& name, const GcSum& sum) {
  const bool has_results = sum.without_end < sum.collections;
  const auto known = [](bool is_known, std::string text) {
    return is_known ? text : std::string("unknown");
  };
  return fmt::format("  {:<11}{:>12}{:>13}{:>13}{:>14}{:>15}\n", name, FormatCount(sum.collections),
                     known(sum.timed > 0, PauseText(sum.seconds)),
                     known(sum.timed > 0, PauseText(sum.longest_seconds)),
                     known(has_results, FormatCount(sum.collected)),
                     known(has_results, FormatCount(sum.uncollectable)));
}

std::string SumTable(const analysis::GcSummary& summary) {
  std::string text =
      fmt::format("\n  {:<11}{:>12}{:>13}{:>13}{:>14}{:>15}\n", "generation", "collections",
                  "total pause", "longest", "collected", "uncollectable");
  for (const GcSum& sum : summary.by_generation) {
    text += SumRow(sum.generation ? std::to_string(*sum.generation) : std::string("unknown"), sum);
  }
  if (summary.by_generation.size() > 1) text += SumRow("all", summary.all);
  if (summary.all.without_end > 0 && summary.all.without_end < summary.all.collections) {
    text += Wrap("  ", Counted(summary.all.without_end, "collection has", "collections have") +
                           " no end in the text; what it found is in no sum.");
  }
  return text;
}

std::string LogFacts(const model::GcLog& log, const analysis::GcSummary& summary) {
  std::string text = "\n";
  std::vector<std::string> forms;
  for (const model::GcCollection& collection : log.collections) {
    const std::string form = model::GcTextFormName(collection.form);
    if (!form.empty() && std::find(forms.begin(), forms.end(), form) == forms.end()) {
      forms.push_back(form);
    }
  }
  std::string python;
  for (const std::string& form : forms) python += (python.empty() ? "" : ", ") + form;
  text += Wrap("  python    ", python.empty() ? "unknown" : python + " (by the form of the text)");
  if (log.writers.size() > 1) {
    text += Wrap("  writers   ", fmt::format("{}, told apart by the prefix of their lines",
                                             FormatCount(log.writers.size())));
  }
  if (summary.objects_first) {
    const auto change = static_cast<SignedBytes>(*summary.objects_last - *summary.objects_first);
    const auto size =
        change < 0 ? Bytes{0} - static_cast<Bytes>(change) : static_cast<Bytes>(change);
    text +=
        Wrap("  objects   ",
             fmt::format("{} before the first full collection, {} before the last ({}{})",
                         FormatCount(*summary.objects_first), FormatCount(*summary.objects_last),
                         change < 0 ? "-" : "+", FormatCount(size)));
  }
  std::string time = "unknown: the lines carry no date; pauses have no share";
  if (summary.covered_seconds) {
    time = FormatSeconds(*summary.covered_seconds) + " from the first to the last line, ";
    time += summary.all.timed == 0
                ? std::string("the share of collections is unknown")
                : fmt::format("{:.1f} % of it in collections",
                              100 * summary.all.seconds / *summary.covered_seconds);
  }
  text += Wrap("  time      ", time);
  if (log.shutdown_collections > 0) {
    text += Wrap("  exit      ",
                 fmt::format("{} and {} of the interpreter's exit are not counted",
                             Counted(log.shutdown_collections, "collection", "collections"),
                             Counted(log.shutdown_objects, "object", "objects")));
  }
  return text;
}

std::string Types(const model::GcLog& log, const analysis::GcSummary& summary, std::size_t top) {
  const std::uint64_t listed = log.collectable_objects + log.uncollectable_objects;
  if (listed == 0) return "";
  std::string text =
      fmt::format("\nTypes found most, of {}:\n", Counted(listed, "object", "objects"));
  constexpr std::size_t kHeadColumns = 32;
  std::size_t rank = 0;
  for (const model::GcType& type : summary.types) {
    if (rank == top) break;
    ++rank;
    const std::uint64_t count = type.collectable + type.uncollectable;
    text += fmt::format("{:>3}{:>13}{:>8}  ", rank, FormatCount(count), ShareText(count, listed));
    std::string name = type.name;
    if (type.uncollectable > 0) {
      name += fmt::format("  ({} uncollectable)", FormatCount(type.uncollectable));
    }
    text += ShortenLeft(name, kTerminalColumns - kHeadColumns) + "\n";
  }
  if (rank < summary.types.size()) {
    text += fmt::format("{} of {} types; --top N shows more, --json all.\n", FormatCount(rank),
                        FormatCount(summary.types.size()));
  }
  return text;
}

}  // namespace

std::string GcLogText(const std::string& file, const model::GcLog& log,
                      const analysis::GcSummary& summary, std::size_t top) {
  std::string text = ShortenLeft(file, kTerminalColumns) + "\n";
  text += Wrap("", Answer(log, summary));
  if (summary.all.collections > 0) text += SumTable(summary) + LogFacts(log, summary);
  text += Types(log, summary, top);
  if (!summary.notes.empty()) text += "\nNotes\n";
  for (const analysis::GcNote& note : summary.notes) text += Wrap("  - ", note.text);
  return text;
}

}  // namespace memwhy::report
