// SPDX-License-Identifier: Apache-2.0
#include "analysis/gc_summary.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/bytes.h"

namespace memwhy::analysis {
namespace {

using model::GcCollection;
using model::GcLog;

constexpr double kUsualShare = 0.05;           // of the time, for all collections
constexpr double kLongPauseSeconds = 0.1;      // a request would notice
constexpr std::uint64_t kFullIsOverdue = 200;  // one in 121 is full with CPython's thresholds
constexpr std::uint64_t kEnoughFull = 10;

void AddCollection(GcSum& sum, const GcCollection& collection) {
  ++sum.collections;
  if (collection.collected) {
    sum.collected += *collection.collected;
    sum.uncollectable += collection.uncollectable.value_or(0);
  } else {
    ++sum.without_end;
  }
  if (collection.seconds) {
    ++sum.timed;
    sum.seconds += *collection.seconds;
    sum.longest_seconds = std::max(sum.longest_seconds, *collection.seconds);
  }
}

std::uint64_t Objects(const GcCollection& collection) {
  return std::accumulate(collection.before->begin(), collection.before->end(), std::uint64_t{0});
}

// Collected objects that the next collection of the same writer still counts.
struct Kept {
  std::uint64_t collected = 0;
  std::uint64_t kept = 0;
  std::uint64_t collections = 0;
};

// What survives moves on to the next older generation, and nothing else comes there in between.
void AddKept(Kept& sum, const GcCollection& collection, const GcCollection& next) {
  constexpr std::uint64_t kEnoughObjects = 20;
  if (!collection.before || !collection.collected || !collection.generation || !next.before ||
      collection.is_ambiguous || next.is_ambiguous || *collection.collected < kEnoughObjects) {
    return;
  }
  const std::size_t generation = *collection.generation;
  const std::size_t target = std::min<std::size_t>(generation + 1, 2);
  std::uint64_t most = (*collection.before)[target];
  for (std::size_t i = 0; i <= generation && i < target; ++i) most += (*collection.before)[i];
  const std::uint64_t collected = *collection.collected;
  if (collected > most) return;
  const std::uint64_t expected = most - collected;
  const std::uint64_t now = (*next.before)[target];
  sum.collected += collected;
  sum.kept += now > expected ? std::min(now - expected, collected) : 0;
  ++sum.collections;
}

Kept KeptOf(const GcLog& log) {
  Kept sum;
  std::vector<const GcCollection*> last(log.writers.size());
  for (const GcCollection& collection : log.collections) {
    if (collection.is_shutdown || log.writers[collection.writer].is_incremental) continue;
    const GcCollection*& before = last[collection.writer];
    if (before != nullptr) AddKept(sum, *before, collection);
    before = &collection;
  }
  return sum;
}

// The writer whose full collections say most.
void FindGrowth(const GcLog& log, GcSummary& summary) {
  struct Full {
    std::size_t count = 0;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  std::vector<Full> full(log.writers.size());
  for (const GcCollection& collection : log.collections) {
    if (collection.is_shutdown || collection.generation != 2 || !collection.before) continue;
    Full& of = full[collection.writer];
    if (of.count++ == 0) of.first = Objects(collection);
    of.last = Objects(collection);
  }
  const auto most = std::max_element(
      full.begin(), full.end(), [](const Full& a, const Full& b) { return a.count < b.count; });
  if (most == full.end() || most->count < 2) return;
  summary.objects_first = most->first;
  summary.objects_last = most->last;
}

std::optional<double> Covered(const GcLog& log) {
  double seconds = 0;
  for (const model::GcWriter& writer : log.writers) {
    if (!writer.first_time || !writer.last_time) return std::nullopt;
    seconds += *writer.last_time - *writer.first_time;
  }
  return seconds > 0 ? std::optional(seconds) : std::nullopt;
}

const GcSum* Find(const GcSummary& summary, std::uint8_t generation) {
  for (const GcSum& sum : summary.by_generation) {
    if (sum.generation == generation) return &sum;
  }
  return nullptr;
}

void NoteGarbage(const GcLog& log, GcSummary& summary) {
  const std::uint64_t listed = log.uncollectable_objects;
  if (summary.all.uncollectable > 0 || listed > 0 || log.uncollectable_at_shutdown) {
    std::string text =
        fmt::format("{} objects were uncollectable", FormatCount(summary.all.uncollectable));
    if (listed > summary.all.uncollectable) text += fmt::format(", {} listed", FormatCount(listed));
    if (log.uncollectable_at_shutdown) {
      text += fmt::format(", {} stood in gc.garbage at the end",
                          FormatCount(*log.uncollectable_at_shutdown));
    }
    text +=
        ": they stay in gc.garbage until somebody removes them. In Python 2 these are cycles with "
        "__del__, since 3.4 objects of extension types with tp_del. Look at the types; break the "
        "cycle by weakref.";
    summary.notes.push_back({"uncollectable", std::move(text)});
  }
  const Kept kept = KeptOf(log);
  if (kept.collections >= 2 && kept.kept > kept.collected / 2) {
    summary.notes.push_back(
        {"save_all",
         fmt::format(
             "{} of {} objects found unreachable were still there at the next collection. "
             "gc.DEBUG_SAVEALL (part of DEBUG_LEAK) is suspected: it keeps in gc.garbage all "
             "that it finds, which leaks; finalizers that revive objects do the same. Check "
             "gc.get_debug() & gc.DEBUG_SAVEALL.",
             FormatCount(kept.kept), FormatCount(kept.collected))});
  }
}

void NoteVersion(const GcLog& log, GcSummary& summary) {
  bool is_unfinished = false;
  bool is_incremental = false;
  for (const model::GcWriter& writer : log.writers) is_incremental |= writer.is_incremental;
  for (const GcCollection& collection : log.collections) {
    is_unfinished |= collection.form == model::GcTextForm::k314Unfinished;
  }
  if (!is_incremental) return;
  summary.notes.push_back(
      {"incremental",
       fmt::format(
           "The incremental collector of CPython 3.14.0 to 3.14.4 wrote this ({}). Its three "
           "counts are the young and two old spaces, generation 1 is an increment{}. It can "
           "hold far more garbage than 3.13; 3.14.5 went back: compare with it.",
           is_unfinished ? "no \"gc: done\" lines" : "no generation 0",
           is_unfinished ? ", pauses and results are not in its text" : "")});
}

void NotePauses(const GcLog& log, GcSummary& summary) {
  const GcSum* full = Find(summary, 2);
  summary.covered_seconds = Covered(log);
  if (summary.covered_seconds && summary.all.timed > 0) {
    const double share = summary.all.seconds / *summary.covered_seconds;
    if (share > kUsualShare) {
      const double full_seconds = full == nullptr ? 0 : full->seconds;
      summary.notes.push_back(
          {"pause_share",
           fmt::format("Collections took {:.1f} % of the time ({} of {}), full ones {:.1f} %. "
                       "gc.freeze() after start-up takes the objects that stay out of full "
                       "collections; gc.set_threshold() makes them rarer.",
                       share * 100, FormatSeconds(summary.all.seconds),
                       FormatSeconds(*summary.covered_seconds),
                       100 * full_seconds / *summary.covered_seconds)});
    }
  }
  if (full != nullptr && full->longest_seconds >= kLongPauseSeconds) {
    summary.notes.push_back(
        {"long_pause",
         fmt::format(
             "The longest full collection stopped the interpreter for {}: every thread with "
             "Python code waited. It grows with the number of objects; gc.freeze() after "
             "start-up shortens it.",
             FormatSeconds(full->longest_seconds))});
  }
}

void NoteFull(GcSummary& summary) {
  const GcSum* full = Find(summary, 2);
  if (full == nullptr && summary.all.collections >= kFullIsOverdue) {
    summary.notes.push_back(
        {"never_full",
         fmt::format("None of {} collections was a full one: cycles that live longer than two "
                     "collections are never freed. CPython waits until a quarter more objects have "
                     "come; or the third number of gc.set_threshold() is too high.",
                     FormatCount(summary.all.collections))});
  }
  if (full != nullptr && full->collections - full->without_end >= kEnoughFull &&
      summary.all.without_end == 0 && summary.all.collected == 0 &&
      summary.all.uncollectable == 0) {
    summary.notes.push_back(
        {"finds_nothing",
         fmt::format(
             "No collection found anything in {} runs: the program makes no cycles, and the "
             "time of the collections is for nothing.",
             FormatCount(summary.all.collections))});
  }
}

void NoteQuality(const GcLog& log, GcSummary& summary) {
  const auto ambiguous = static_cast<std::uint64_t>(
      std::count_if(log.collections.begin(), log.collections.end(),
                    [](const GcCollection& collection) { return collection.is_ambiguous; }));
  if (ambiguous > 0) {
    summary.notes.push_back(
        {"interleaved",
         fmt::format(
             "Several writers share the log without a prefix: which lines belong to {} of the "
             "collections is a guess. Totals are right; sums by generation may not be.",
             FormatCount(ambiguous))});
  }
  if (log.unparsed > 0) {
    summary.notes.push_back(
        {"unparsed",
         fmt::format("{} pieces that begin with \"gc: \" could not be understood and are "
                     "in no number.",
                     FormatCount(log.unparsed))});
  }
}

}  // namespace

GcSummary SummarizeGcLog(const GcLog& log) {
  GcSummary summary;
  std::array<GcSum, 4> sums;
  for (const GcCollection& collection : log.collections) {
    if (collection.is_shutdown) continue;
    AddCollection(sums[std::min<std::size_t>(collection.generation.value_or(3), 3)], collection);
    AddCollection(summary.all, collection);
  }
  for (std::uint8_t i = 0; i < sums.size(); ++i) {
    if (sums[i].collections == 0) continue;
    if (i < 3) sums[i].generation = i;
    summary.by_generation.push_back(sums[i]);
  }
  for (const model::GcType& type : log.types) {
    if (type.collectable + type.uncollectable > 0) summary.types.push_back(type);
  }
  std::stable_sort(summary.types.begin(), summary.types.end(),
                   [](const model::GcType& a, const model::GcType& b) {
                     return a.collectable + a.uncollectable > b.collectable + b.uncollectable;
                   });
  FindGrowth(log, summary);
  NoteGarbage(log, summary);
  NoteVersion(log, summary);
  NotePauses(log, summary);
  NoteFull(summary);
  NoteQuality(log, summary);
  return summary;
}

}  // namespace memwhy::analysis
