// SPDX-License-Identifier: Apache-2.0
//
// Two recordings compared: memwhy.diff/1, text for 80 columns, and one HTML page with a delta flame
// graph and its table. Invariant: rows and rest are the totals of both sides, and so is the tree's
// root. Names of a recording become text nodes only. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/session_diff.h"
#include "model/recording.h"
#include "model/sites/call_tree.h"
#include "model/sites/site_amounts.h"
#include "report/views/stats_json.h"
#include "report/views/stats_text.h"

namespace memwhy::report {

struct DiffSideInfo {
  const model::Recording& recording;
  double from = 0;
  double to = 0;
  model::Amount total;
};

struct DiffView {
  DiffSideInfo baseline;
  DiffSideInfo candidate;
  const analysis::SessionDiff& diff;
  model::GroupBy by;  // not kProcess: a pid names nothing in another recording
  Show show;
  std::vector<model::SiteGroup> groups;  // as SortByChange leaves them
  model::CallTree tree;
};

// new, gone, grown, shrunk, same: by bytes.
const char* ChangeKind(const model::Amount& baseline, const model::Amount& value);

// Largest change of bytes first, whatever its sign.
void SortByChange(std::vector<model::SiteGroup>& groups);

void WriteDiffJson(const DiffView& view, std::size_t top, const Sink& sink);
std::string DiffText(const DiffView& view, std::size_t top);
// Small nodes are merged; the table has `top` rows.
std::string DiffHtml(const DiffView& view, std::size_t top);

// For all three: threads by name stand in place of the recordings' own.
model::Recording JoinedRecording(const DiffView& view);

}  // namespace memwhy::report
