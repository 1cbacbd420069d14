// SPDX-License-Identifier: Apache-2.0
#include "diagnose/native_blocks.h"

#include <limits>
#include <memory>
#include <optional>

#include "model/sites/process_source.h"
#include "model/sites/window_view.h"
#include "session/reader.h"

namespace memwhy::diagnose {
namespace {

Result<std::vector<recorder::NativeBlock>> BlocksOf(const session::Session& session,
                                                    model::ProcessId process) {
  const model::ProcessSource source(session, process);
  MEMWHY_TRY(const std::vector<model::LiveBlock> live,
             model::LiveBlocksAt(source, process, std::numeric_limits<double>::max()));
  std::vector<recorder::NativeBlock> blocks;
  blocks.reserve(live.size());
  for (const model::LiveBlock& block : live) {
    if (block.allocator != wire::Allocator::kPymallocArena) {
      blocks.push_back({block.address, block.size});
    }
  }
  return blocks;
}

}  // namespace

Result<std::vector<recorder::NativeBlock>> ReadNativeBlocks(const std::string& session,
                                                            std::uint32_t process) {
  MEMWHY_TRY(const std::unique_ptr<session::Session> source, session::Session::Open(session));
  if (process >= source->recording().processes.size()) {
    return Error::Of("the session {} knows no process of number {}", session, process);
  }
  return BlocksOf(*source, model::ProcessId{process});
}

Result<std::vector<recorder::NativeBlock>> ReadNativeBlocksOf(const std::string& session,
                                                              pid_t pid) {
  MEMWHY_TRY(const std::unique_ptr<session::Session> source, session::Session::Open(session));
  const auto& processes = source->recording().processes;
  std::optional<model::ProcessId> found;
  for (std::uint32_t i = 0; i < processes.size(); ++i) {
    if (processes[i].pid == static_cast<std::uint32_t>(pid)) found = model::ProcessId{i};
  }
  if (!found) return Error::Of("the session {} knows no process {}", session, pid);
  return BlocksOf(*source, *found);
}

}  // namespace memwhy::diagnose
