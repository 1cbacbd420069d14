// SPDX-License-Identifier: Apache-2.0
#include "recorder/target.h"

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "os/process.h"
#include "recorder/redact/redact.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

// The interpreter has imported its modules by then, in most programs.
constexpr std::uint64_t kFirstPassNs = 1'000'000'000;

// Seconds and nanoseconds of the line "monotonic" of timens_offsets.
std::int64_t MonotonicOffset(const FileSystem& fs, const std::string& process) {
  const auto text = fs.ReadSmall("/proc/" + process + "/timens_offsets");
  if (!text) return 0;
  for (std::string_view line : SplitLines(*text)) {
    if (!ConsumePrefix(line, "monotonic")) continue;
    const auto fields = SplitFields(line);
    if (fields.size() != 2) return 0;
    const bool is_negative = fields[0].substr(0, 1) == "-";
    const auto seconds = ParseUint(fields[0].substr(is_negative ? 1 : 0));
    const auto ns = ParseUint(fields[1]);
    if (!seconds || !ns) return 0;
    const auto whole = static_cast<std::int64_t>(*seconds) * 1'000'000'000;
    return (is_negative ? -whole : whole) + static_cast<std::int64_t>(*ns);
  }
  return 0;
}

// How far CLOCK_MONOTONIC is ahead in the process's time namespace; wraps when it is behind.
std::uint64_t MonotonicShift(const FileSystem& fs, pid_t pid) {
  const std::string process = std::to_string(pid);
  const auto ours = fs.ReadLink("/proc/self/ns/time");
  const auto theirs = fs.ReadLink("/proc/" + process + "/ns/time");
  if (!ours || !theirs || *ours == *theirs) return 0;
  return static_cast<std::uint64_t>(MonotonicOffset(fs, process) - MonotonicOffset(fs, "self"));
}

}  // namespace

Target::Target(std::unique_ptr<RingMap> ring, std::uint32_t process, const FileSystem* fs,
               pid_t pid, std::uint64_t start_ticks, std::optional<wire::RedactionKey> redacts)
    : ring_(std::move(ring)),
      process_(process),
      pid_(pid),
      start_ticks_(start_ticks),
      drain_(ring_.get(), process),
      quiet_(ring_.get(), CanOrderAllThreads()),
      watch_(pid, start_ticks),
      fs_(fs),
      redacts_(redacts),
      sampler_(fs, pid, process),
      next_pass_ns_(wire::MonotonicNs() + kFirstPassNs),
      clock_shift_ns_(MonotonicShift(*fs, pid)) {
  if (const auto arguments = os::ReadCommandLine(*fs, pid_)) {
    command_ = CommandText(*arguments, redacts_.has_value());
  }
}

Result<void> Target::WriteFact(session::SessionWriter* writer) {
  session::ProcessFact fact = session::ToProcessFact(ring_->info(), process_);
  fact.command = command_;
  fact.clock.monotonic_ns -= clock_shift_ns_;
  const nlohmann::json json = session::ToJson(fact);
  std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text == written_) return {};
  MEMWHY_TRY_VOID(writer->AddFact(json));
  written_ = std::move(text);
  return {};
}

Result<void> Target::WriteMaps(const std::string& at, session::SessionWriter* writer) {
  ring_->Refresh();
  MEMWHY_TRY_VOID(WriteFact(writer));
  session::MapsFact fact;
  fact.monotonic_ns = wire::MonotonicNs();
  MEMWHY_TRY(fact.pass, sampler_.Pass(at, ring_.get()));
  if (redacts_) RedactMappings(*redacts_, &fact.pass.mappings);
  has_passes_ = true;
  return writer->AddFact(session::ToJson(fact));
}

std::optional<nlohmann::json> Target::EndFact(const std::string& ended) {
  if (written_.empty()) return std::nullopt;
  ring_->Refresh();
  const session::RingInfo& info = ring_->info();
  const std::uint64_t clock = info.end_clock != 0 ? info.end_clock : info.exec_clock;
  const std::uint64_t detached = info.detached_ns == 0 ? 0 : info.detached_ns - clock_shift_ns_;
  return session::ToJson(session::ProcessEndFact{process_, wire::MonotonicNs(), ended,
                                                 info.lost_events, info.lost_bytes, info.waited_ns,
                                                 detached, clock});
}

Result<void> Target::WriteEnd(const std::string& ended, session::SessionWriter* writer) {
  ring_->Refresh();
  MEMWHY_TRY_VOID(WriteFact(writer));
  MEMWHY_TRY_VOID(writer->AddFact(*EndFact(ended)));
  const session::RingInfo& info = ring_->info();
  const std::uint64_t noted = info.end_clock != 0 ? info.end_clock : info.exec_clock;
  const std::uint64_t clock = noted != 0 ? noted : wire::ReadAfter(info.clock_kind);
  return writer->KeepOrder(clock >> info.clock_shift);
}

bool Target::IsOver() {
  const wire::RingHeader& header = ring_->header();
  return header.end_clock.load(std::memory_order_acquire) != 0 ||
         header.exec_clock.load(std::memory_order_acquire) != 0 || watch_.IsGone();
}

bool Target::IsReplaced(bool looks_at_procfs) {
  const session::RingInfo& info = ring_->info();
  if (info.state == wire::AgentState::kReplaced) return true;
  if (!looks_at_procfs || info.start_stack == 0) return false;
  const auto stat = os::ReadProcessStat(*fs_, pid());
  return stat && stat->start_ticks == start_ticks_ && stat->start_stack != 0 &&
         stat->start_stack != info.start_stack;
}

std::optional<model::OsSample> Target::Sample() {
  auto sample = sampler_.Sample();
  if (!sample) return std::nullopt;
  return *std::move(sample);
}

}  // namespace memwhy::recorder
