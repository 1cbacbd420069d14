// SPDX-License-Identifier: Apache-2.0
#include "recorder/dump/heap_dump_run.h"

#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "os/cgroup.h"
#include "os/process.h"
#include "os/processors.h"
#include "recorder/dump/clone_cost.h"
#include "recorder/dump/holder_answers.h"
#include "recorder/dump/holder_names.h"
#include "recorder/dump/meeting_place.h"
#include "recorder/dump/stale_requests.h"
#include "session/dump_file.h"

namespace memwhy::recorder {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::size_t kMaxQuestions = 200'000;

std::uint64_t Headroom(const FileSystem& fs, pid_t pid) {
  const auto memory = os::ReadCgroupMemory(fs, pid);
  if (!memory || !memory->limit || !memory->usage) return 0;
  // 0 means no limit; a full cgroup has no room for anything.
  return *memory->limit > *memory->usage
             ? static_cast<std::uint64_t>(*memory->limit - *memory->usage)
             : 1;
}

// Whether the process's share of the machine's processors has room for two clones beside what it
// does itself. Against a quota their time counts as its own: beyond it the process would stand
// still.
bool MayUseTwo(const FileSystem& fs, pid_t pid) {
  constexpr double kMinQuota = 4;
  const auto processors = os::ReadProcessors(fs, pid);
  return processors && processors->allowed >= 2 &&
         processors->quota.value_or(kMinQuota) >= kMinQuota;
}

nlohmann::json BeginFact(const FileSystem& fs, const RingMap& ring, pid_t pid, bool redacts) {
  nlohmann::json fact = {{"type", "dump"}, {"pid", pid}, {"python", ring.info().python}};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  fact["taken_ns"] = static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  if (const auto stat = os::ReadProcessStat(fs, pid)) {
    if (!redacts) fact["name"] = stat->comm;
    fact["start_ticks"] = stat->start_ticks;
  }
  if (redacts) fact["redacted"] = true;
  return fact;
}

// Whether its texts are replaced. An error: they should be, and its agent does not know how.
Result<bool> Redacts(RingMap& ring, bool is_asked) {
  const std::uint32_t modes = ring.header().modes;
  if (is_asked && (modes & wire::kKnowsRedaction) == 0) {
    return Error("the process was started by a memwhy that cannot redact; start it again");
  }
  return is_asked || (modes & wire::kRedacts) != 0;
}

}  // namespace

HeapDumpRun::HeapDumpRun(const FileSystem& fs, const HeapDumpOptions& options, bool is_census,
                         std::unique_ptr<DumpSink> sink, OnPrediction on_prediction)
    : fs_(fs),
      options_(options),
      is_census_(is_census),
      sink_(std::move(sink)),
      on_prediction_(std::move(on_prediction)),
      buffer_(kReadBytes) {}

HeapDumpRun::~HeapDumpRun() {
  if (request_ && !reply_) request_->Withdraw();
  unlink((base_ + kQuestionsSuffix).c_str());
  unlink((base_ + wire::kBlocksSuffix).c_str());
}

Result<std::unique_ptr<HeapDumpRun>> HeapDumpRun::Start(const FileSystem& fs,
                                                        const HeapDumpOptions& options,
                                                        OnPrediction on_prediction) {
  MEMWHY_TRY(const std::string ring_path, FindUsableRing(fs, options.pid));
  MEMWHY_TRY(std::unique_ptr<DumpSink> sink, MakeFileSink(options.output));
  std::unique_ptr<HeapDumpRun> run(
      new HeapDumpRun(fs, options, false, std::move(sink), std::move(on_prediction)));
  MEMWHY_TRY_VOID(run->Post(ring_path));
  return run;
}

Result<std::unique_ptr<HeapDumpRun>> HeapDumpRun::StartCensus(const FileSystem& fs,
                                                              const HeapDumpOptions& options,
                                                              std::unique_ptr<DumpSink> sink,
                                                              OnPrediction on_prediction) {
  MEMWHY_TRY(const std::string ring_path, FindUsableRing(fs, options.pid));
  HeapDumpOptions census = options;
  census.scans = false;
  census.blocks = {};
  std::unique_ptr<HeapDumpRun> run(
      new HeapDumpRun(fs, census, true, std::move(sink), std::move(on_prediction)));
  MEMWHY_TRY_VOID(run->Post(ring_path));
  return run;
}

Result<HeapDumpOutcome> HeapDumpRun::RunToEnd() {
  while (true) {
    MEMWHY_TRY(const bool has_ended, Step());
    if (has_ended) return Finish();
    pollfd events{fd(), POLLIN, 0};
    // Without a writer a FIFO says at once that it has hung up.
    const int ready = poll(&events, 1, 5);
    if (ready > 0 && (events.revents & POLLIN) == 0) {
      const timespec pause{0, 1'000'000};
      nanosleep(&pause, nullptr);
    }
  }
}

Result<void> HeapDumpRun::Post(const std::string& ring_path) {
  const pid_t pid = options_.pid;
  MEMWHY_TRY(ring_, RingMap::Open(OurPath(fs_, pid, ring_path)));
  MEMWHY_TRY(RingOwner owner, RingOwner::Prove(fs_, pid, *ring_));
  owner_.emplace(std::move(owner));
  const std::string name = fmt::format("dump.{}.{}", pid, getpid());
  const std::string folder = ring_path.substr(0, ring_path.rfind('/'));
  RemoveStaleRequests(OurPath(fs_, pid, folder), pid);
  MEMWHY_TRY(place_, MeetingPlace::Open(fs_, pid, folder));
  base_ = place_->Ours(name);
  MEMWHY_TRY(fifo_, Fifo::Make(base_));
  MEMWHY_TRY_VOID(place_->HandOver(name));
  MEMWHY_TRY(const bool redacts, Redacts(*ring_, options_.redacts));
  options_.redacts = redacts;
  MEMWHY_TRY_VOID(sink_->AddFact(BeginFact(fs_, *ring_, pid, redacts)));

  HeapDumpLimits limits;
  limits.redacts = redacts;
  limits.has_blocks = !options_.blocks.empty();
  if (limits.has_blocks) {
    MEMWHY_TRY_VOID(WriteBlocks(base_ + wire::kBlocksSuffix, options_.blocks));
    MEMWHY_TRY_VOID(place_->HandOver(name + wire::kBlocksSuffix));
    options_.blocks = {};
  }
  limits.pause_ms = options_.max_pause_ms;
  limits.clone_ns_per_mib = options_.in_place ? 0 : MeasureCloneCost();
  limits.headroom_bytes = Headroom(fs_, pid);
  limits.in_place = options_.in_place;
  limits.may_split = MayUseTwo(fs_, pid);
  limits.is_census = is_census_;
  if (options_.scans) limits.scan_path = place_->Theirs(name + kQuestionsSuffix);
  MEMWHY_TRY(HeapRequest request,
             HeapRequest::Post(fs_, ring_.get(), &*owner_, place_->Theirs(name), limits));
  request_.emplace(std::move(request));
  if (options_.scans && !options_.in_place) asking_.emplace();
  wait_.emplace(fs_, &*request_, pid);
  return {};
}

void HeapDumpRun::Drain() {
  while (true) {
    const ssize_t n = read(fifo_->fd(), buffer_.data(), buffer_.size());
    if (n <= 0) return;
    if (failure_) continue;  // the target must not wait for us
    if (is_asked_) {
      answers_.insert(answers_.end(), buffer_.begin(), buffer_.begin() + n);
      continue;
    }
    const std::span<const std::uint8_t> bytes(buffer_.data(), static_cast<std::size_t>(n));
    if (asking_) asking_->Add(bytes);
    raw_bytes_ += bytes.size();
    if (auto added = sink_->AddBytes(bytes); !added) failure_ = added.error();
  }
}

// All of the stream is here, the clone stands still until it is asked.
void HeapDumpRun::AskWhenReady() {
  const bool is_waiting = !is_asked_ && request_->IsWaiting();
  Drain();
  if (!is_waiting) return;
  if (!failure_ && asking_) questions_ = asking_->Finish(kMaxQuestions);
  auto written = WriteQuestions(base_ + kQuestionsSuffix, questions_);
  if (written) {
    written =
        place_->HandOver(fmt::format("dump.{}.{}{}", options_.pid, getpid(), kQuestionsSuffix));
  }
  if (!written && !failure_) failure_ = written.error();
  is_asked_ = true;
  request_->Ask();
}

Result<bool> HeapDumpRun::Step() {
  if (reply_) return true;
  wait_->Step();
  if (!is_told_) {
    if (const auto predicted = request_->Prediction()) {
      is_told_ = true;
      if (on_prediction_) on_prediction_(*predicted);
    }
  }
  AskWhenReady();
  reply_ = request_->Poll();
  if (reply_) {
    Drain();
    if (!is_told_ && on_prediction_ && reply_->predicted_ms > 0) on_prediction_(*reply_);
    return true;
  }
  if (auto why = wait_->WhyNotTaken()) return *std::move(why);
  if (owner_->IsGone()) {
    return Error::Of("process {} ended while it was {}", options_.pid,
                     is_census_ ? "counted" : "dumped");
  }
  return false;
}

Result<HeapDumpOutcome> HeapDumpRun::Finish() {
  if (failure_) return std::move(*failure_);
  if (!reply_->error.empty()) {
    return Error::Of("no {}: {} (predicted: {:.0f} ms of pause, {} of memory)",
                     is_census_ ? "census" : "heap dump", reply_->error, reply_->predicted_ms,
                     FormatBytes(static_cast<Bytes>(reply_->predicted_bytes)));
  }
  HeapDumpOutcome outcome;
  if (is_asked_) {
    HolderNames names(fs_, options_.pid, options_.redacts);
    if (const auto scan = ParseAnswers(answers_, questions_, names)) {
      outcome.was_scanned = true;
      MEMWHY_TRY_VOID(sink_->AddFact(session::ScanFact(*scan)));
    }
  }
  outcome.predicted_ms = reply_->predicted_ms;
  outcome.predicted_bytes = reply_->predicted_bytes;
  outcome.spared_bytes = reply_->spared_bytes;
  outcome.pause_ms = reply_->pause_ms;
  outcome.method = reply_->method;
  outcome.taken_monotonic_ns = reply_->taken_ns;
  outcome.followed_blocks = reply_->followed_blocks;
  outcome.seconds = wait_->Seconds();
  outcome.raw_bytes = raw_bytes_;
  MEMWHY_TRY_VOID(sink_->AddFact({{"type", "dump_end"},
                                  {"method", reply_->method},
                                  {"monotonic_ns", reply_->taken_ns},
                                  {"native", reply_->followed_blocks},
                                  {"predicted_ms", reply_->predicted_ms},
                                  {"predicted_bytes", reply_->predicted_bytes},
                                  {"spared_bytes", reply_->spared_bytes},
                                  {"lanes", reply_->lanes},
                                  {"pause_ms", reply_->pause_ms},
                                  {"seconds", outcome.seconds},
                                  {"raw_bytes", outcome.raw_bytes}}));
  MEMWHY_TRY(outcome.file_bytes, sink_->Finish());
  return outcome;
}

}  // namespace memwhy::recorder
