// SPDX-License-Identifier: Apache-2.0
#include "cli/open_births.h"

#include <utility>

#include "cli/open_session.h"
#include "model/sites/window_view.h"

namespace memwhy::cli {

Result<OpenedBirths> OpenedBirths::Open(const std::string& session, const nlohmann::json& facts) {
  const std::uint64_t taken = facts.value("monotonic_ns", std::uint64_t{0});
  const std::uint32_t pid = facts.value("pid", 0u);
  if (taken == 0) return Error("--session: the dump does not say when it was taken (cut off?)");
  OpenedBirths opened;
  MEMWHY_TRY(opened.session_, OpenSession(session));
  const auto& processes = opened.session_->recording().processes;
  std::optional<model::ProcessId> process;
  const double time = opened.session_->SecondsOfNs(taken);
  for (std::uint32_t i = 0; i < processes.size(); ++i) {
    // Of several with the number the last that had begun.
    if (processes[i].pid == pid && processes[i].started <= time) process = model::ProcessId{i};
  }
  if (!process || time > opened.session_->recording().seconds) {
    return Error::Of("--session {}: it does not record process {} at the time of the dump", session,
                     pid);
  }
  MEMWHY_TRY(auto live,
             model::LiveBlocksAt(*opened.session_, *process, time, model::SmallObjects::kIncluded));
  opened.births_ = model::Births(std::move(live));
  return opened;
}

std::optional<report::ShownBirth> OpenedBirths::Find(std::uint64_t address) const {
  const model::LiveBlock* block = births_.Find(address);
  if (block == nullptr) return std::nullopt;
  const model::StackTree& stacks = session_->stacks();
  report::ShownBirth birth;
  birth.seconds = block->born;
  birth.is_known = block->stack != model::kUnknownStack;
  for (model::StackId at = block->stack; stacks.has_frames(at); at = stacks.parent(at)) {
    birth.stack.push_back(stacks.leaf(at));
  }
  return birth;
}

}  // namespace memwhy::cli
