// SPDX-License-Identifier: Apache-2.0
#include "recorder/runner.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "base/unique_fd.h"
#include "model/missing_note.h"
#include "os/process.h"
#include "os/statm.h"
#include "recorder/dump/filter_trial.h"
#include "recorder/dump/heap_dump_run.h"
#include "recorder/dump/plain_request.h"
#include "recorder/dump/request_wait.h"
#include "recorder/inherited_files.h"
#include "recorder/launcher.h"
#include "recorder/redact/redact.h"
#include "recorder/ring/clock_pair.h"
#include "recorder/ring/disk_reserve.h"
#include "recorder/ring/ring_folder.h"
#include "recorder/ring/ring_owner.h"
#include "recorder/run_environment.h"
#include "recorder/say.h"
#include "recorder/signals/signal_relay.h"
#include "recorder/target_set.h"
#include "recorder/tree/tally_map.h"
#include "session/facts.h"
#include "session/writer.h"
#include "wire/clock.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kLongestWaitNs = 20 * kMillisecond;
constexpr std::uint64_t kBusyWaitNs = 2 * kMillisecond;
constexpr std::uint64_t kDiscoverNs = 50 * kMillisecond;  // where inotify does not work
constexpr std::uint64_t kGraceNs = 10 * kSecond;          // between SIGTERM and SIGKILL
constexpr double kPeriodPatience_s = 5;                   // a period of small objects is short
constexpr std::uint64_t kStragglersNs = 1 * kSecond;      // for children that outlive the program

}  // namespace

class Runner::Impl {
 public:
  explicit Impl(RunOptions options)
      : options_(std::move(options)),
        relay_(options_.signals_interrupt ? SignalRelay::Policy::kInterrupt
                                          : SignalRelay::Policy::kPassOn) {}
  ~Impl();

  Result<void> Start();
  Result<Stop> RunUntil(double seconds);
  std::vector<RecordedProcess> Processes() const;
  Result<HeapDumpOutcome> TakeHeapDump(std::uint32_t process, std::span<const NativeBlock> blocks,
                                       bool scans, double max_pause_ms,
                                       const OnPrediction& on_prediction);
  Result<HeapDumpOutcome> DumpWhileRecording(std::uint32_t process, const HeapDumpOptions& options,
                                             const OnPrediction& on_prediction);
  Result<HeapReply> Ask(pid_t pid, const PlainQuestion& question, double patience_s);
  Result<void> BeginObjects(std::uint32_t process);
  Result<void> EndObjects();
  Result<InterventionOutcome> Intervene(std::uint32_t process, const std::string& what,
                                        double max_pause_ms, const OnIntervention& on_prediction);
  Result<void> DoIntervention(const Target& target, double max_pause_ms,
                              const OnIntervention& on_prediction, session::InterventionFact& fact);
  Result<void> MapsPass(const std::string& at);
  Result<void> SetWindow(double from, std::optional<double> to);
  Result<void> Flush();
  Result<ExitStatus> Finish(StopTarget how);

  double Elapsed() const { return static_cast<double>(wire::MonotonicNs() - started_ns_) * 1e-9; }
  const std::string& session() const { return session_; }
  pid_t child() const { return child_; }
  bool IsRecording() const { return targets_->CountRecorded() > 0; }
  std::string Trouble() const;
  std::string Unseen() const { return targets_ == nullptr ? "" : targets_->UnseenText(); }

 private:
  bool IsWriting() const { return targets_ != nullptr && targets_->IsWriting(); }
  void Step();  // one round; errors end up in the writer's failure
  void Wait(std::uint64_t until_ns);
  void ReapChild();
  void WriteBareProcess();
  void Reap(StopTarget how);

  RunOptions options_;
  SignalRelay relay_;
  RealFileSystem fs_;
  std::string session_;
  std::unique_ptr<RingFolder> rings_;
  std::unique_ptr<session::SessionWriter> writer_;
  std::unique_ptr<TargetSet> targets_;  // writes with writer_
  std::unique_ptr<Folder> folder_;      // rewrites the file of writer_
  pid_t child_ = 0;
  std::optional<int> child_status_;
  std::uint64_t started_ns_ = 0;
  std::uint64_t next_discover_ns_ = 0;
  std::uint64_t next_drain_ns_ = 0;
  UniqueFd child_end_;         // readable when the child is gone
  UniqueFd inotify_;           // of the folder of rings: new ones
  std::vector<pollfd> polls_;  // kept for its memory
  int heap_dumps_ = 0;
  struct Objects {
    pid_t pid;
    session::ObjectPeriodFact period;
  };
  std::vector<Objects> objects_;  // the periods that go on
};

Runner::Impl::~Impl() {
  if (child_ > 0 && !child_status_) {
    kill(child_, SIGTERM);
    Reap(StopTarget::kTerminate);
  }
  relay_.End();
}

Result<void> Runner::Impl::Start() {
  if (options_.argv.empty()) return Error("no program given");
  if (auto program = FindProgram(options_.argv[0]); !program) return program.error();
  LaunchOptions launch;
  MEMWHY_TRY(launch.agent, FindAgent());
  session_ = AbsolutePath(options_.session);
  launch.argv = options_.argv;
  launch.session = session_;
  launch.follow = options_.follow;
  launch.has_objects = options_.has_objects;
  launch.is_native = options_.is_native;
  if (options_.redacts) {
    MEMWHY_TRY(launch.redacts, MakeRedactionKey());
  }
  launch.pool_bytes = PoolBytes(fs_);
  std::unique_ptr<TallyMap> tally = TallyMap::Make();
  const int no_tally = errno;
  if (tally != nullptr) launch.tally = tally->address();
  // Nothing of a recording that does not come about stays behind.
  const auto undo = [&](const Error& error) {
    writer_.reset();
    rings_.reset();
    unlink(JoinPath(session_, session::kBlocksFile).c_str());
    rmdir(session_.c_str());
    return error;
  };
  MEMWHY_TRY(writer_, session::SessionWriter::Create(session_));
  auto rings = RingFolder::Make(session_, launch.pool_bytes);
  if (!rings) return undo(rings.error());
  rings_ = *std::move(rings);
  launch.rings = rings_->path();
  launch.pool_bytes = rings_->pool_bytes();
  auto room = CheckRoom(session_, rings_->is_elsewhere() ? 0 : launch.pool_bytes);
  if (!room) return undo(room.error());
  // Only what we have by now: rings and analysis come later and are not meant.
  mlockall(MCL_CURRENT | MCL_ONFAULT);

  session::SessionFact fact;
  started_ns_ = wire::MonotonicNs();
  fact.monotonic_ns = started_ns_;
  fact.command = CommandText(options_.argv, options_.redacts);
  fact.host = HostName();
  fact.started = Rfc3339Now();
  fact.recorder_pid = static_cast<std::uint32_t>(getpid());
  if (const auto stat = os::ReadProcessStat(fs_, getpid())) fact.recorder_start = stat->start_ticks;
  fact.clock = CounterPair();
  fact.rings = rings_->Note();
  if (auto written = writer_->AddFact(session::ToJson(fact)); !written) {
    return undo(written.error());
  }
  if (tally == nullptr) {
    const Error why = Error::FromErrno(
        no_tally, "which processes are not recorded: the file for that could not be made");
    static_cast<void>(
        writer_->AddFact(session::NoteToJson(std::string(model::kMissingNote) + why.message()))
            .has_value());
  }
  const std::uint32_t tried_filters = TryFilters(fs_);
  inotify_.Reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (inotify_) inotify_add_watch(inotify_.get(), launch.rings.c_str(), IN_MOVED_TO);
  auto child = Launch(launch, &relay_);
  if (!child) return undo(child.error());
  child_ = *child;
  child_end_.Reset(static_cast<int>(syscall(SYS_pidfd_open, child_, 0)));
  LetGoOfInheritedFiles(options_.keeps_stdout);
  targets_ = std::make_unique<TargetSet>(session_, launch.rings, writer_.get(), &fs_);
  if (launch.redacts) targets_->SetRedaction(*launch.redacts);
  targets_->SetNative(options_.is_native);
  targets_->SetChild(child_, options_.follow == "all");
  targets_->SetTally(std::move(tally));
  targets_->SetTriedFilters(tried_filters);
  folder_ = std::make_unique<Folder>(options_.fold, session_, writer_.get(),
                                     [this] { static_cast<void>(targets_->PassAll("")); });
  return {};
}

void Runner::Impl::ReapChild() {
  if (child_status_) return;
  int status = 0;
  if (waitpid(child_, &status, WNOHANG) == child_) {
    child_status_ = status;
    targets_->SetChildStatus(status);
    relay_.End();
  }
}

void Runner::Impl::Step() {
  const std::uint64_t now = wire::MonotonicNs();
  ReapChild();
  if (now >= next_discover_ns_ || child_status_) {
    targets_->Discover();
    next_discover_ns_ = now + kDiscoverNs;
  }
  targets_->Refresh();
  targets_->PermitStamps(now);
  if (targets_->busiest() != nullptr || now >= next_drain_ns_) {
    targets_->Drain();
    next_drain_ns_ = now + session::kBlockNs;
  }
  targets_->Sample(now);
  targets_->TakeUnseen();
  targets_->Pass(now);
  targets_->FinishGone();
  folder_->NotePass(targets_->last_pass_ns());
  folder_->Step(wire::MonotonicNs());
}

void Runner::Impl::Wait(std::uint64_t until_ns) {
  const std::uint64_t now = wire::MonotonicNs();
  if (until_ns <= now) return;
  const std::uint64_t wait = std::min(until_ns - now, kLongestWaitNs);
  if (Target* busiest = targets_->busiest(); busiest != nullptr) {
    return busiest->ring().Wait(std::min(wait, kBusyWaitNs));
  }
  // Ends early at a new ring or the end of a process.
  polls_.clear();
  polls_.push_back({inotify_.get(), POLLIN, 0});
  if (!child_status_) polls_.push_back({child_end_.get(), POLLIN, 0});
  for (const auto& target : targets_->all()) polls_.push_back({target->watch().fd(), POLLIN, 0});
  const timespec pause{0, static_cast<long>(wait)};
  ppoll(polls_.data(), polls_.size(), &pause, nullptr);
  if ((polls_.front().revents & POLLIN) != 0) {
    char events[4096];
    while (read(inotify_.get(), events, sizeof(events)) > 0) {
    }
    next_discover_ns_ = 0;
  }
}

Result<Runner::Stop> Runner::Impl::RunUntil(double seconds) {
  const bool is_bounded = std::isfinite(seconds);
  const std::uint64_t until =
      is_bounded ? started_ns_ + static_cast<std::uint64_t>(std::max(0.0, seconds) * 1e9)
                 : UINT64_MAX;
  while (true) {
    Step();
    if (child_status_) return Stop::kTargetEnded;
    if (relay_.Interrupt() != 0) return Stop::kInterrupted;
    if (wire::MonotonicNs() >= until) return Stop::kDeadline;
    Wait(until);
  }
}

std::vector<RecordedProcess> Runner::Impl::Processes() const {
  std::vector<RecordedProcess> found;
  for (const auto& target : targets_->all()) {
    if (!target->is_recording()) continue;
    const auto statm = os::ReadStatm(fs_, target->pid());
    found.push_back({target->process(), target->pid(), statm ? statm->rss : 0});
  }
  return found;
}

Result<HeapDumpOutcome> Runner::Impl::TakeHeapDump(std::uint32_t process,
                                                   std::span<const NativeBlock> blocks, bool scans,
                                                   double max_pause_ms,
                                                   const OnPrediction& on_prediction) {
  Step();
  Target* target = targets_->Find(process);
  if (target == nullptr) return Error("the process is not recorded any more");
  const std::string file = fmt::format("dump.{}.heap", ++heap_dumps_);
  HeapDumpOptions options;
  const auto owner = RingOwner::Find(fs_, target->ring());
  options.pid = owner ? owner->pid() : 0;
  options.output = JoinPath(session_, file);
  options.max_pause_ms = max_pause_ms;
  options.scans = scans;
  options.blocks = blocks;
  session::HeapDumpFact fact;
  fact.process = process;
  auto outcome = owner ? DumpWhileRecording(process, options, on_prediction)
                       : Result<HeapDumpOutcome>(owner.error());
  if (outcome) {
    fact.file = file;
    fact.monotonic_ns = outcome->taken_monotonic_ns;
    fact.pause_ms = outcome->pause_ms;
    fact.predicted_ms = outcome->predicted_ms;
  } else {
    fact.monotonic_ns = wire::MonotonicNs();
    fact.error = outcome.error().message();
  }
  if (IsWriting() && !writer_->AddFact(session::ToJson(fact))) targets_->GiveUpWriting();
  return outcome;
}

Result<HeapDumpOutcome> Runner::Impl::DumpWhileRecording(std::uint32_t process,
                                                         const HeapDumpOptions& options,
                                                         const OnPrediction& on_prediction) {
  constexpr std::uint64_t kStepNs = 1'000'000;
  MEMWHY_TRY(const std::unique_ptr<HeapDumpRun> run,
             HeapDumpRun::Start(fs_, options, on_prediction));
  while (true) {
    Step();
    if (targets_->Find(process) == nullptr) return Error("the process ended meanwhile");
    MEMWHY_TRY(const bool has_ended, run->Step());
    if (has_ended) return run->Finish();
    Wait(wire::MonotonicNs() + kStepNs);
  }
}

Result<HeapReply> Runner::Impl::Ask(pid_t pid, const PlainQuestion& question, double patience_s) {
  constexpr std::uint64_t kStepNs = 1'000'000;
  MEMWHY_TRY(const std::unique_ptr<PlainRequest> request,
             PlainRequest::Start(fs_, pid, question, patience_s));
  while (true) {
    Step();
    MEMWHY_TRY(std::optional<HeapReply> reply, request->Step());
    if (reply) return *std::move(reply);
    if (relay_.Interrupt() != 0) return Error("interrupted");
    Wait(wire::MonotonicNs() + kStepNs);
  }
}

Result<void> Runner::Impl::BeginObjects(std::uint32_t process) {
  if (!IsWriting()) return Error(Trouble());
  Step();
  const Target* target = targets_->Find(process);
  if (target == nullptr) return Error("the process is not recorded any more");
  Objects objects{target->pid(), {process, 0, std::nullopt}};
  MEMWHY_TRY(const HeapReply reply,
             Ask(objects.pid, {wire::RequestKind::kObjectsOn, ""}, kPeriodPatience_s));
  if (!reply.error.empty()) return Error(reply.error);
  objects.period.from_ns = reply.taken_ns;
  objects_.push_back(objects);
  return writer_->AddFact(session::ToJson(objects.period));
}

Result<void> Runner::Impl::EndObjects() {
  Result<void> outcome;
  for (Objects& objects : std::exchange(objects_, {})) {
    auto reply = Ask(objects.pid, {wire::RequestKind::kObjectsOff, ""}, kPeriodPatience_s);
    if (!reply) {
      outcome = reply.error();
      continue;
    }
    objects.period.to_ns = reply->taken_ns;
    MEMWHY_TRY_VOID(writer_->AddFact(session::ToJson(objects.period)));
    if (!reply->error.empty()) outcome = Error(reply->error);
  }
  return outcome;
}

Result<InterventionOutcome> Runner::Impl::Intervene(std::uint32_t process, const std::string& what,
                                                    double max_pause_ms,
                                                    const OnIntervention& on_prediction) {
  if (!IsWriting()) return Error(Trouble());
  Step();
  const Target* target = targets_->Find(process);
  if (target == nullptr) return Error("the process is not recorded any more");
  session::InterventionFact fact;
  fact.process = process;
  fact.what = what;
  const auto done = DoIntervention(*target, max_pause_ms, on_prediction, fact);
  if (!done) fact.error = done.error().message();
  if (fact.from_ns == 0) fact.from_ns = wire::MonotonicNs();
  if (fact.to_ns == 0) fact.to_ns = fact.from_ns;
  MEMWHY_TRY_VOID(writer_->AddFact(session::ToJson(fact)));
  if (!done) return done.error();
  return InterventionOutcome{fact.predicted_ms, fact.pause_ms, fact.answer};
}

// Between two passes over the address space, each as near to it as can be.
Result<void> Runner::Impl::DoIntervention(const Target& target, double max_pause_ms,
                                          const OnIntervention& on_prediction,
                                          session::InterventionFact& fact) {
  const pid_t pid = target.pid();
  MEMWHY_TRY(const HeapReply predicted,
             Ask(pid, {wire::RequestKind::kPredict, fact.what}, RequestWait::kPatience_s));
  if (!predicted.error.empty()) return Error(predicted.error);
  fact.predicted_ms = predicted.predicted_ms;
  if (on_prediction) on_prediction({predicted.predicted_ms, 0, predicted.answer});
  if (max_pause_ms > 0 && predicted.predicted_ms > max_pause_ms) {
    return Error::Of(
        "its predicted pause of {:.0f} ms is over the limit of {:.0f} ms (--max-pause)",
        predicted.predicted_ms, max_pause_ms);
  }
  MEMWHY_TRY_VOID(MapsPass(""));
  fact.from_ns = wire::MonotonicNs();
  auto reply = Ask(pid, {wire::RequestKind::kIntervene, fact.what}, RequestWait::kPatience_s);
  fact.to_ns = wire::MonotonicNs();
  if (!reply) return reply.error();
  if (!reply->error.empty()) return Error(reply->error);
  fact.pause_ms = reply->pause_ms;
  fact.answer = reply->answer;
  return MapsPass("");
}

Result<void> Runner::Impl::MapsPass(const std::string& at) {
  if (!IsWriting()) return Error(Trouble());
  return targets_->PassAll(at);
}

Result<void> Runner::Impl::SetWindow(double from, std::optional<double> to) {
  if (!IsWriting()) return Error(Trouble());
  session::WindowFact fact;
  fact.from_ns = started_ns_ + static_cast<std::uint64_t>(std::max(0.0, from) * 1e9);
  if (to) fact.to_ns = started_ns_ + static_cast<std::uint64_t>(std::max(0.0, *to) * 1e9);
  return writer_->AddFact(session::ToJson(fact));
}

Result<void> Runner::Impl::Flush() {
  if (!IsWriting()) return Error(Trouble());
  targets_->Drain();
  targets_->WriteSamples();
  return writer_->failure().empty() ? Result<void>() : Error(writer_->failure());
}

std::string Runner::Impl::Trouble() const {
  if (writer_ != nullptr && !writer_->failure().empty()) return writer_->failure();
  if (targets_ != nullptr) {
    if (targets_->has_main()) return targets_->main_limit();
    if (!targets_->dormant_note().empty()) return targets_->dormant_note();
  }
  return "no CPython with the agent was seen: the program is no Python, is linked statically, or "
         "drops LD_PRELOAD";
}

// Waits for the program, recording meanwhile.
void Runner::Impl::Reap(StopTarget how) {
  if (how == StopTarget::kTerminate && !child_status_) {
    kill(child_, SIGTERM);
    const std::uint64_t deadline = wire::MonotonicNs() + kGraceNs;
    while (!child_status_ && wire::MonotonicNs() < deadline) {
      Step();
      if (!child_status_) Wait(deadline);
    }
    if (!child_status_) kill(child_, SIGKILL);
  }
  while (!child_status_) {
    Step();
    if (!child_status_) Wait(UINT64_MAX);
  }
}

void Runner::Impl::WriteBareProcess() {
  session::ProcessFact fact;
  fact.process = 0;
  fact.pid = static_cast<std::uint32_t>(child_);
  fact.clock_kind = static_cast<std::uint32_t>(wire::ClockKind::kMonotonicNs);
  fact.clock = {started_ns_, started_ns_};
  fact.command = RedactCommand(options_.argv);
  fact.note = Trouble();
  if (!writer_->AddFact(session::ToJson(fact))) return targets_->GiveUpWriting();
  targets_->WriteSamples();
  if (!IsWriting()) return;
  const session::ProcessEndFact end{0, wire::MonotonicNs(), targets_->ChildEnded(), 0, 0, 0};
  if (!writer_->AddFact(session::ToJson(end))) targets_->GiveUpWriting();
}

Result<ExitStatus> Runner::Impl::Finish(StopTarget how) {
  Reap(how);
  // Workers that the program leaves behind mostly end with it.
  const std::uint64_t deadline = wire::MonotonicNs() + kStragglersNs;
  Step();
  while (!targets_->all().empty() && IsWriting() && wire::MonotonicNs() < deadline) {
    Wait(deadline);
    Step();
  }
  targets_->FinishAll();
  targets_->TakeUnseen();
  targets_->WriteUnseenRest();
  if (IsWriting() && targets_->count_ever() == 0) WriteBareProcess();
  if (IsWriting() && !Trouble().empty()) {
    static_cast<void>(writer_->AddFact(session::NoteToJson(Trouble())).has_value());
  }
  folder_->Finish(wire::MonotonicNs());
  if (IsWriting() && !folder_->trouble().empty()) {
    Say(folder_->trouble());
    static_cast<void>(writer_->AddFact(session::NoteToJson(folder_->trouble())).has_value());
  }
  unlink(JoinPath(session_, "claimed").c_str());
  if (!rings_->Remove()) {
    Say(
        fmt::format("the last events are in {}; they move into the session when it is opened and "
                    "its disk has room for them",
                    rings_->path()));
  }

  ExitStatus status;
  status.is_signal = WIFSIGNALED(*child_status_);
  status.number = status.is_signal ? WTERMSIG(*child_status_) : WEXITSTATUS(*child_status_);
  status.ended = targets_->ChildEnded();
  session::EndFact end;
  end.monotonic_ns = wire::MonotonicNs();
  end.ended = status.ended;
  end.recorder_cpu_seconds = OwnCpuSeconds();
  end.session_bytes = writer_->bytes_written();
  end.is_cut_short = targets_->has_given_up();
  if (targets_->has_given_up()) {
    auto last = targets_->last_facts();
    last.push_back(session::NoteToJson(writer_->failure()));
    last.push_back(session::ToJson(end));
    if (!writer_->AddLastFacts(last)) {
      // What was removed is free on some file systems only after the next transaction.
      DiskReserve::Settle(session_);
      static_cast<void>(writer_->AddLastFacts(last).has_value());
    }
  } else if (!writer_->AddFact(session::ToJson(end))) {
    targets_->GiveUpWriting();
  }
  return status;
}

Runner::Runner(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runner::~Runner() = default;

Result<std::unique_ptr<Runner>> Runner::Start(RunOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  MEMWHY_TRY_VOID(impl->Start());
  return std::unique_ptr<Runner>(new Runner(std::move(impl)));
}

Result<Runner::Stop> Runner::RunUntil(double seconds_from_start) {
  return impl_->RunUntil(seconds_from_start);
}
std::vector<RecordedProcess> Runner::Processes() const { return impl_->Processes(); }
Result<HeapDumpOutcome> Runner::TakeHeapDump(std::uint32_t process,
                                             std::span<const NativeBlock> blocks, bool scans,
                                             double max_pause_ms,
                                             const OnPrediction& on_prediction) {
  return impl_->TakeHeapDump(process, blocks, scans, max_pause_ms, on_prediction);
}
Result<void> Runner::BeginObjects(std::uint32_t process) { return impl_->BeginObjects(process); }
Result<void> Runner::EndObjects() { return impl_->EndObjects(); }
Result<InterventionOutcome> Runner::Intervene(std::uint32_t process, const std::string& what,
                                              double max_pause_ms,
                                              const OnIntervention& on_prediction) {
  return impl_->Intervene(process, what, max_pause_ms, on_prediction);
}
Result<void> Runner::MapsPass(const std::string& at) { return impl_->MapsPass(at); }
Result<void> Runner::SetWindow(double from, std::optional<double> to) {
  return impl_->SetWindow(from, to);
}
Result<void> Runner::Flush() { return impl_->Flush(); }
Result<ExitStatus> Runner::Finish(StopTarget how) { return impl_->Finish(how); }
double Runner::Elapsed() const { return impl_->Elapsed(); }
const std::string& Runner::session() const { return impl_->session(); }
pid_t Runner::child() const { return impl_->child(); }
bool Runner::IsRecording() const { return impl_->IsRecording(); }
std::string Runner::Trouble() const { return impl_->Trouble(); }
std::string Runner::Unseen() const { return impl_->Unseen(); }

}  // namespace memwhy::recorder
