// SPDX-License-Identifier: Apache-2.0
//
// The parts that all growth findings share, filled from the data of a case: rates, severity,
// confidence, evidence, prediction, next step. Sentences carry numbers. Pure.
#pragma once

#include <string>

#include "analysis/case.h"
#include "analysis/finding.h"

namespace memwhy::analysis {

// A finding with everything but id, title, kind, layer and fix.
Finding DescribeSuspect(const Case& one, const Suspect& suspect);

// "12.7 KiB per request"; "4.20 MiB per minute" where operations are not known.
std::string RateText(const Case& one, const Finding& finding);

std::string RateText(const std::string& operation_name, const Finding& finding);

// What another hour brings, and when the limit is reached.
struct Outlook {
  std::optional<double> operations_per_second;
  std::string operation_name;
  std::optional<Bytes> limit;  // of the cgroup
  std::optional<Bytes> charged;
};
std::string Prediction(const Outlook& outlook, double bytes_per_second);
std::string Prediction(const Case& one, double bytes_per_second);

// From the growth per hour against rss, and from the time until the limit.
Severity SeverityOf(const Case& one, double bytes_per_second);

// One step down where events were lost.
Confidence Lowered(const Case& one, Confidence confidence);

// "memwhy diagnose --for 180 -- python serve.py", or the replay of the same session.
std::string DiagnoseCommand(const Case& one, double seconds);

// "store.SESSION_FEATURES._entries (dict, 5,993 entries)".
std::string HolderText(const WhoHolds& holder);

}  // namespace memwhy::analysis
