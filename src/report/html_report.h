// SPDX-License-Identifier: Apache-2.0
//
// The report of one session as one HTML file: overview, findings, where, about this capture. It
// works from file:// without a network: no external URL, a Content-Security-Policy that allows
// only the style and script of this file by their hashes, and every recorded string escaped.
// Readable without script; only the flame graph has one. Pure.
#pragma once

#include <string>
#include <vector>

#include "analysis/finding.h"
#include "model/ledger/ledger.h"
#include "model/recording.h"
#include "model/sites/window_view.h"

namespace memwhy::report {

// Markup, style and script of a section made elsewhere; style and script may be "".
struct HtmlPart {
  std::string html;
  std::string style;
  std::string script;
};

struct ReportInput {
  const model::Recording& recording;
  const analysis::Verdict& verdict;
  const std::vector<model::Ledger>& ledgers;
  const model::WindowView& view;
  HtmlPart where;            // the flame graph; html "" when there is none
  std::string why_no_where;  // printed then
};

std::string HtmlReport(const ReportInput& input);

}  // namespace memwhy::report
