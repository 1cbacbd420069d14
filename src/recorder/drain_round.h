// SPDX-License-Identifier: Apache-2.0
//
// One round over all rings of a recording: what is new goes to the session, then chunks go back.
// Invariant: times are rounded (session/columns.h) only where a single thread of the whole
// recording was busy and no process came or ended meanwhile; so the order of events is kept also
// between processes, and with it the sum over them. One thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "recorder/target.h"
#include "session/writer.h"

namespace memwhy::recorder {

// `has_newcomer`: whether a ring exists that is not among the targets.
Result<void> DrainAll(const std::vector<std::unique_ptr<Target>>& targets,
                      const std::function<bool()>& has_newcomer, session::SessionWriter* writer);

// What one process still has, when it is over.
Result<void> DrainRest(Target* target, session::SessionWriter* writer);

}  // namespace memwhy::recorder
