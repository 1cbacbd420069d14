// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_form.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace memwhy::readers {
namespace {

using model::GcCollection;
using model::GcLog;
using model::GcTextForm;

// Blocks one behind the other without an end: by 3.14.0 to 3.14.4, or cut off by a kill.
void FindUnfinished(GcLog& log) {
  struct Seen {
    std::vector<GcCollection*> run;
    bool has_done = false;
  };
  std::vector<Seen> seen(log.writers.size());
  for (const GcCollection& collection : log.collections) {
    if (collection.collected) seen[collection.writer].has_done = true;
  }
  const auto end_run = [](Seen& of) {
    if (of.run.size() > (of.has_done ? 2u : 1u)) {
      for (GcCollection* collection : of.run) collection->form = GcTextForm::k314Unfinished;
    }
    of.run.clear();
  };
  for (GcCollection& collection : log.collections) {
    Seen& of = seen[collection.writer];
    if (collection.permanent && !collection.collected) {
      of.run.push_back(&collection);
    } else {
      end_run(of);
    }
  }
  for (Seen& of : seen) end_run(of);
}

// Passes on what the last collection of the writer told.
void Refine(GcCollection& collection, GcTextForm& known) {
  const bool is_open = collection.form == GcTextForm::k37OrLater;
  const bool fits = known == GcTextForm::k37 || known == GcTextForm::k38OrLater;
  if (collection.form == GcTextForm::kUnknown || (is_open && fits)) {
    collection.form = known;
  } else if (!is_open || known == GcTextForm::kUnknown) {
    known = collection.form;
  }
}

// The incremental collector begins no generation 0 by itself; where "done" came back to it, that is
// what gives it away.
void FindIncremental(GcLog& log) {
  constexpr std::uint64_t kEnoughIncrements = 3;
  struct Seen {
    std::uint64_t young = 0;
    std::uint64_t middle = 0;
  };
  std::vector<Seen> seen(log.writers.size());
  for (const GcCollection& collection : log.collections) {
    seen[collection.writer].young += collection.generation == 0 ? 1 : 0;
    seen[collection.writer].middle += collection.generation == 1 ? 1 : 0;
  }
  for (const GcCollection& collection : log.collections) {
    const Seen& of = seen[collection.writer];
    const bool has_habits = collection.form == GcTextForm::k38OrLater && of.young == 0 &&
                            of.middle >= kEnoughIncrements;
    if (has_habits || collection.form == GcTextForm::k314Unfinished) {
      log.writers[collection.writer].is_incremental = true;
    }
  }
}

}  // namespace

GcTextForm FormOfBlock(const GcCollection& collection, const GcMessage& done) {
  if (done.has_full_stop) return GcTextForm::k27;
  if (!collection.before || (collection.is_ambiguous && !collection.permanent)) {
    return GcTextForm::kUnknown;
  }
  if (!collection.permanent) return GcTextForm::k34To36;
  if (!done.has_numbers) return GcTextForm::k37;
  return done.unreachable == 0 ? GcTextForm::k38OrLater : GcTextForm::k37OrLater;
}

void CompleteGcForms(GcLog& log) {
  FindUnfinished(log);
  std::vector<GcTextForm> known(log.writers.size(), GcTextForm::kUnknown);
  for (GcCollection& collection : log.collections) Refine(collection, known[collection.writer]);
  std::fill(known.begin(), known.end(), GcTextForm::kUnknown);
  for (auto it = log.collections.rbegin(); it != log.collections.rend(); ++it) {
    Refine(*it, known[it->writer]);
  }
  FindIncremental(log);
}

}  // namespace memwhy::readers
