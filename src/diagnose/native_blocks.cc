// SPDX-License-Identifier: Apache-2.0
#include "diagnose/native_blocks.h"

#include <limits>
#include <memory>

#include "analysis/main_process.h"
#include "model/sites/window_view.h"
#include "session/reader.h"

namespace memwhy::diagnose {

Result<std::vector<recorder::NativeBlock>> ReadNativeBlocks(const std::string& session,
                                                            std::optional<pid_t> pid) {
  MEMWHY_TRY(const std::unique_ptr<session::Session> source, session::Session::Open(session));
  const model::Recording& recording = source->recording();
  model::ProcessId process = analysis::MainProcess(recording);
  if (pid) {
    std::optional<model::ProcessId> found;
    for (std::uint32_t i = 0; i < recording.processes.size(); ++i) {
      if (recording.processes[i].pid == static_cast<std::uint32_t>(*pid)) {
        found = model::ProcessId{i};
      }
    }
    if (!found) return Error::Of("the session {} knows no process {}", session, *pid);
    process = *found;
  }
  MEMWHY_TRY(const std::vector<model::LiveBlock> live,
             model::LiveBlocksAt(*source, process, std::numeric_limits<double>::max()));
  std::vector<recorder::NativeBlock> blocks;
  blocks.reserve(live.size());
  for (const model::LiveBlock& block : live) {
    if (block.allocator != wire::Allocator::kPymallocArena) {
      blocks.push_back({block.address, block.size});
    }
  }
  return blocks;
}

}  // namespace memwhy::diagnose
