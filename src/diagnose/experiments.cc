// SPDX-License-Identifier: Apache-2.0
#include "diagnose/experiments.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "analysis/main_process.h"
#include "model/ledger/build_ledger.h"

namespace memwhy::diagnose {
namespace {

using analysis::Experiment;
using analysis::ShareChange;

// The last pass before, and the first one after; nullptr: the process ended, or the disk was full.
struct Passes {
  const model::MapsPass* before = nullptr;
  const model::MapsPass* after = nullptr;
};

Passes PassesAround(const model::Recording& recording, const model::Intervention& intervention) {
  Passes passes;
  for (const model::MapsPass& pass : recording.maps) {
    if (pass.process != intervention.process) continue;
    if (pass.time <= intervention.from) passes.before = &pass;
    if (pass.time >= intervention.to && passes.after == nullptr) passes.after = &pass;
  }
  return passes;
}

Result<std::optional<model::Ledger>> RssLedger(const model::EventSource& source,
                                               const model::MapsPass& pass) {
  MEMWHY_TRY(std::vector<model::Ledger> ledgers, model::BuildLedgers(source, pass));
  for (model::Ledger& ledger : ledgers) {
    if (ledger.account == "rss") return std::optional(std::move(ledger));
  }
  return std::optional<model::Ledger>();
}

Bytes InUse(const model::Ledger& ledger) {
  Bytes bytes = 0;
  for (const model::Share& share : ledger.shares) {
    if (analysis::IsInUse(share.kind)) bytes += share.bytes;
  }
  return bytes;
}

std::vector<ShareChange> ChangesOf(const model::Ledger& before, const model::Ledger& after) {
  std::vector<ShareChange> changes;
  for (const model::Share& share : before.shares) {
    changes.push_back({share.layer, share.name, share.bytes, 0, share.kind});
  }
  for (const model::Share& share : after.shares) {
    const auto same = std::find_if(changes.begin(), changes.end(), [&](const ShareChange& one) {
      return one.layer == share.layer && one.name == share.name;
    });
    if (same == changes.end()) {
      changes.push_back({share.layer, share.name, 0, share.bytes, share.kind});
    } else {
      same->after = share.bytes;
    }
  }
  std::erase_if(changes, [](const ShareChange& one) { return one.before == one.after; });
  const auto size = [](const ShareChange& one) {
    return std::max(one.before, one.after) - std::min(one.before, one.after);
  };
  std::stable_sort(changes.begin(), changes.end(),
                   [&](const ShareChange& a, const ShareChange& b) { return size(a) > size(b); });
  return changes;
}

// nullopt: no such ledger.
std::optional<Bytes> InUseAtEnd(const std::vector<model::Ledger>& ledgers) {
  for (const model::Ledger& ledger : ledgers) {
    if (ledger.account == "rss" && ledger.at == "end") return InUse(ledger);
  }
  return std::nullopt;
}

Result<void> Measure(const model::EventSource& source, const model::Intervention& intervention,
                     std::optional<Bytes> at_end, Experiment& experiment) {
  const Passes passes = PassesAround(source.recording(), intervention);
  if (passes.before == nullptr || passes.after == nullptr) return {};
  MEMWHY_TRY(const auto before, RssLedger(source, *passes.before));
  MEMWHY_TRY(const auto after, RssLedger(source, *passes.after));
  if (!before || !after) return {};
  experiment.rss_before = before->total;
  experiment.rss_after = after->total;
  experiment.changes = ChangesOf(*before, *after);
  const Bytes in_use = InUse(*before);
  if (at_end && *at_end > in_use) experiment.gone_before = *at_end - in_use;
  return {};
}

}  // namespace

Result<std::vector<Experiment>> ReadExperiments(const model::EventSource& source,
                                                const std::vector<model::Ledger>& ledgers) {
  const model::Recording& recording = source.recording();
  const model::ProcessId process = analysis::MainProcess(recording);
  std::vector<Experiment> experiments;
  for (const model::Intervention& one : recording.interventions) {
    if (one.process != process) continue;
    Experiment experiment;
    experiment.what = one.what;
    experiment.pid = recording.processes[process.value].pid;
    experiment.time = one.from;
    experiment.predicted_ms = one.predicted_ms;
    experiment.pause_ms = one.pause_ms;
    experiment.answer = one.answer;
    experiment.error = one.error;
    if (one.error.empty()) MEMWHY_TRY_VOID(Measure(source, one, InUseAtEnd(ledgers), experiment));
    experiments.push_back(std::move(experiment));
  }
  return experiments;
}

}  // namespace memwhy::diagnose
