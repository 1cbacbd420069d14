// SPDX-License-Identifier: Apache-2.0
//
// What `diagnose --try` did to the program, what it gave back, and what that says of each finding.
// An outcome is a comparison of two numbers: what the finding predicts, and what was measured
// between the two passes over the address space around the experiment. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "model/ledger/ledger.h"

namespace memwhy::analysis {

struct Finding;
struct Verdict;

// A share of the rss ledger before and after.
struct ShareChange {
  std::string layer;
  std::string name;
  Bytes before = 0;
  Bytes after = 0;
  model::ShareKind kind = model::ShareKind::kOther;
};

struct Experiment {
  std::string what;  // gc, trim, empty_cache, dynamo_reset
  std::uint32_t pid = 0;
  double time = 0;  // seconds from the session's start
  double predicted_ms = 0;
  double pause_ms = 0;
  std::string answer;  // of the program, in words
  std::string error;   // "" or why it was not done
  std::optional<Bytes> rss_before;
  std::optional<Bytes> rss_after;
  std::vector<ShareChange> changes;  // the shares that changed, most bytes first
  // Of what the program used at the window's end: gone before the experiment began, by itself.
  Bytes gone_before = 0;
};

// Whether a share of the rss ledger is the program's own use: blocks, and mappings of its own.
bool IsInUse(model::ShareKind kind);

enum class OutcomeResult : unsigned char { kConfirmed, kContradicted, kOpen };
const char* Name(OutcomeResult result);  // confirmed, contradicted, open

struct Outcome {
  std::string experiment;  // "" of a finding for which there is none
  OutcomeResult result = OutcomeResult::kOpen;
  std::string says;
};

// What an experiment gave back: of what the program uses, and of rss. Negative: it grew meanwhile.
SignedBytes GivenBackInUse(const Experiment& experiment);
SignedBytes GivenBackRss(const Experiment& experiment);

// The outcomes of the verdict's experiments for its findings.
void JoinExperiments(Verdict* verdict);

// The experiment that decides whether a finding is true.
struct DecisiveExperiment {
  std::string what;     // "" there is none
  std::string why_not;  // then: why
};
DecisiveExperiment DecisiveFor(const Finding& finding);

// Of the first finding that blames somebody, if no experiment has said anything of it: why not.
void SayWhyUnconfirmed(Verdict* verdict);

}  // namespace memwhy::analysis
