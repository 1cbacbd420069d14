// SPDX-License-Identifier: Apache-2.0
#include "govern/actuators/chain.h"

#include <fmt/core.h>

namespace memwhy::govern {

ActuatorChain::ActuatorChain(std::vector<NamedActuator>* actuators, std::int64_t ceiling,
                             Lowered lowered)
    : actuators_(actuators),
      knobs_(actuators->size()),
      ceiling_(ceiling),
      lowered_(std::move(lowered)) {}

void ActuatorChain::Break(std::size_t i, std::int64_t until_ms, const std::string& why,
                          std::vector<std::string>* events) {
  knobs_[i].broken_until = until_ms;
  knobs_[i].pending_since = -1;
  if (knobs_[i].problem != why) {
    events->push_back(fmt::format("actuator {}: {}", (*actuators_)[i].name, why));
  }
  knobs_[i].problem = why;
  // It may have taken the limit after all, so it counts as lowered until it answers again.
}

bool ActuatorChain::GiveBack(std::size_t i, std::vector<std::string>* events) {
  Knob& knob = knobs_[i];
  if (!knob.is_applied) return true;
  const std::int64_t original = knob.original.value_or(ceiling_);
  const auto done = (*actuators_)[i].actuator->Restore(original);
  if (!done) {
    events->push_back(fmt::format("actuator {}: the limit could not be given back: {}",
                                  (*actuators_)[i].name, done.error().message()));
    return false;
  }
  if (!(*actuators_)[i].actuator->has_lease()) lowered_(i, std::nullopt);
  knob.is_applied = false;
  knob.pending_since = -1;
  return true;
}

ActuatorView ActuatorChain::View(std::int64_t t_ms, std::vector<std::string>* events) {
  for (std::size_t i = 0; i < knobs_.size(); ++i) {
    if (t_ms < knobs_[i].broken_until) continue;
    auto view = (*actuators_)[i].actuator->Read();
    if (view) return *view;  // a problem that was announced stays so until Apply is confirmed
    Break(i, t_ms + kAbsentMs, view.error().message(), events);
  }
  return {};
}

bool ActuatorChain::Turn(std::size_t i, std::int64_t t_ms, std::int64_t limit, bool refuses,
                         ActReport* report) {
  Actuator& actuator = *(*actuators_)[i].actuator;
  Knob& knob = knobs_[i];
  if (!knob.is_applied && !knob.original) {
    const auto view = actuator.Read();
    if (!view) {
      Break(i, t_ms + kAbsentMs, view.error().message(), &report->events);
      return false;
    }
    knob.original = view->limit;
  }
  const bool is_new = !knob.is_applied || knob.value != limit || knob.refuses != refuses;
  if (is_new || actuator.has_lease()) {
    if (is_new) ++revision_;
    if (!knob.is_applied && !actuator.has_lease()) lowered_(i, knob.original.value_or(ceiling_));
    const auto done = actuator.Apply(Limit{limit, revision_, refuses});
    knob.is_applied = true;
    if (!done) {
      Break(i, t_ms + kRefusedMs, done.error().message(), &report->events);
      return false;
    }
    knob.value = limit;
    knob.refuses = refuses;
    if (is_new) knob.pending_since = t_ms;
  }
  report->actuator = (*actuators_)[i].name;
  if (!actuator.confirms()) {
    report->result = "unconfirmed";
    return true;
  }
  const auto view = actuator.Read();
  if (!view) {
    Break(i, t_ms + kAbsentMs, view.error().message(), &report->events);
    return false;
  }
  report->effective = view->limit;
  if (view->limit == limit) {
    knob.pending_since = -1;
    report->result = "confirmed";
    return true;
  }
  if (knob.pending_since < 0) knob.pending_since = t_ms;  // somebody else has turned it
  if (t_ms - knob.pending_since >= kConfirmMs) {
    Break(i, t_ms + kRetryMs,
          fmt::format("it accepts {} but reads back {}", limit,
                      view->limit ? std::to_string(*view->limit) : "no limit"),
          &report->events);
    return false;
  }
  report->result = "deferred";
  return true;
}

ActReport ActuatorChain::Apply(std::int64_t t_ms, std::int64_t limit, bool refuses) {
  ActReport report;
  if (limit >= ceiling_ && !refuses) {
    for (std::size_t i = 0; i < knobs_.size(); ++i) {
      if (t_ms >= knobs_[i].broken_until && !GiveBack(i, &report.events)) {
        Break(i, t_ms + kRefusedMs, "it does not take its limit back", &report.events);
      }
    }
    report.result = "untouched";
    return report;
  }
  for (std::size_t i = 0; i < knobs_.size(); ++i) {
    if (t_ms < knobs_[i].broken_until) continue;
    const bool was_broken = !knobs_[i].problem.empty();
    if (!Turn(i, t_ms, limit, refuses, &report)) continue;
    if (was_broken && report.result == "confirmed") {
      knobs_[i].problem.clear();
      report.events.push_back(fmt::format("actuator {} works again", (*actuators_)[i].name));
    }
    for (std::size_t other = i + 1; other < knobs_.size(); ++other) {
      GiveBack(other, &report.events);
    }
    return report;
  }
  report.actuator.clear();
  report.result = "none";
  return report;
}

std::vector<std::string> ActuatorChain::Release() {
  std::vector<std::string> events;
  for (std::size_t i = 0; i < knobs_.size(); ++i) GiveBack(i, &events);
  return events;
}

}  // namespace memwhy::govern
