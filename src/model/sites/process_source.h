// SPDX-License-Identifier: Apache-2.0
//
// One process of a recording as a source of its own: its events, with what it inherited by forks,
// its samples, passes and heap dumps; the window is cut to its life. So what is written for a
// recording can be asked of each of its processes. Refers to the source, which must outlive it.
#pragma once

#include <vector>

#include "model/sites/event_source.h"

namespace memwhy::model {

// The process, its parent, and so on, as far as they are recorded: who may have forked it.
std::vector<ProcessId> LineOf(const Recording& recording, ProcessId process);

class ProcessSource : public EventSource {
 public:
  ProcessSource(const EventSource& source, ProcessId process);

  const Recording& recording() const override { return recording_; }
  const StackTree& stacks() const override { return source_.stacks(); }
  // Without the end of the process: what it held then stays.
  Result<void> Replay(EventVisitor& visitor) const override;

 private:
  const EventSource& source_;
  const ProcessId process_;
  Recording recording_;
};

}  // namespace memwhy::model
