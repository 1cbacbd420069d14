// SPDX-License-Identifier: Apache-2.0
#include "session/session_builder.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "session/format.h"
#include "wire/ring.h"

namespace memwhy::session {

SessionBuilder::SessionBuilder(std::string path) : path_(std::move(path)) {
  session.monotonic_ns = kOriginNs;
  session.command = "python app.py";
  session.host = "host";
  session.started = "2026-01-02T03:04:05Z";
  AddProcess(100, 0);
  end = EndFact{At(60), "exit:0", 0.1, std::nullopt};
}

std::uint32_t SessionBuilder::AddProcess(std::uint32_t pid, std::uint32_t parent, double started) {
  ProcessFact process;
  process.process = static_cast<std::uint32_t>(processes.size());
  process.pid = pid;
  process.parent = parent;
  process.start_ticks = 1;
  process.clock_kind = static_cast<std::uint32_t>(wire::ClockKind::kMonotonicNs);
  process.clock = {At(started), At(started)};
  process.python = "3.11.2";
  process.command = "python app.py";
  process.arena_bytes = 1 << 20;
  process.pool_bytes = 16 << 10;
  processes.push_back(std::move(process));
  return static_cast<std::uint32_t>(processes.size() - 1);
}

StreamEncoder& SessionBuilder::Stream(std::uint32_t process, std::uint32_t thread) {
  const std::uint64_t start = process < processes.size() ? processes[process].clock.clock : 0;
  return streams_.try_emplace({process, thread}, start).first->second;
}

Result<void> SessionBuilder::Start() {
  if (writer_ != nullptr) return {};
  MEMWHY_TRY(writer_, SessionWriter::Create(path_));
  MEMWHY_TRY_VOID(writer_->AddFact(ToJson(session)));
  for (const ProcessFact& process : processes) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(process)));
  return {};
}

Result<void> SessionBuilder::WriteBlock() {
  MEMWHY_TRY_VOID(Start());
  for (auto& [key, stream] : streams_) {
    const std::uint64_t offset = stream.offset();
    const std::vector<std::uint8_t> bytes = stream.Take();
    if (bytes.empty()) continue;
    if (bytes.size() > kBlockBytes) return Error("call WriteBlock more often");
    MEMWHY_TRY_VOID(writer_->AddPiece(key.first, key.second, offset, bytes));
  }
  return writer_->Flush();
}

Result<void> SessionBuilder::Write() {
  MEMWHY_TRY_VOID(WriteBlock());
  for (const ProcessEndFact& fact : process_ends) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  if (!os_samples.samples.empty()) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(os_samples)));
  for (const MapsFact& fact : maps) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  for (const ObjectPeriodFact& period : object_periods) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(period)));
  }
  for (const InterventionFact& fact : interventions) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  if (window) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(*window)));
  if (end) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(*end)));
  writer_.reset();
  return {};
}

}  // namespace memwhy::session
