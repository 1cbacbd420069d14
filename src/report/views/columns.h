// SPDX-License-Identifier: Apache-2.0
//
// Pieces of text for a terminal of 80 columns, shared by the views. A character counts as one
// column. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "model/recording.h"
#include "model/sites/call_tree.h"
#include "model/sites/site_amounts.h"
#include "model/sites/stack_tree.h"
#include "report/views/stats_text.h"

namespace memwhy::report {

inline constexpr std::size_t kTerminalColumns = 80;
inline constexpr std::size_t kFramesShown = 4;  // of a stack, in text

// The tail is what tells: "…" and the end of a long text.
std::string ShortenLeft(const std::string& text, std::size_t columns);

// "app.Cache.put  app.py:42".
std::string FrameLine(const model::Frame& frame);

// "51.2 %"; "-" of nothing.
std::string ShareText(Bytes part, Bytes whole);

// Signed in bytes, of a difference of unsigned ones.
SignedBytes Delta(Bytes baseline, Bytes value);

// "+21.0 %", "new" without a baseline, "gone" without a value, "0.0 %".
std::string ChangeText(const model::Amount& baseline, const model::Amount& value);

// "live bytes", "bytes at the peak".
const char* ShowPhrase(Show show);
// As the command line and the documents spell it.
const char* ShowName(Show show);
const char* GroupName(model::GroupBy by);
const char* CallKindName(model::CallKind kind);

// One line: a module, a thread, a process; the leaf frame of a stack.
std::string GroupTitle(const model::Recording& recording, const model::StackTree& stacks,
                       const model::SiteGroup& group, model::GroupBy by);
std::string NodeTitle(const model::StackTree& stacks, const model::CallNode& node);

}  // namespace memwhy::report
