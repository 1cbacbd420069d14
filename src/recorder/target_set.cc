// SPDX-License-Identifier: Apache-2.0
#include "recorder/target_set.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "model/missing_note.h"
#include "os/process.h"
#include "recorder/drain_round.h"
#include "recorder/ring/clock_pair.h"
#include "recorder/say.h"
#include "wire/clock.h"
#include "wire/clock_permit.h"
#include "wire/ring_extra.h"

namespace memwhy::recorder {
namespace {

constexpr std::uint64_t kSampleNs = 100 * kMillisecond;
constexpr std::size_t kSamplesPerFact = 2;  // so that 200 ms are lost at most
constexpr std::uint64_t kPassNs = 30'000 * kMillisecond;
constexpr std::uint64_t kMaxUnseen = 20;  // that the session names
constexpr std::uint64_t kPermitNs = 4 * kMillisecond;
constexpr std::size_t kMaxHeldSamples = 6000;  // before it is clear that nothing records

bool IsKill(int wait_status) {
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

std::string EndedText(int wait_status) {
  return WIFSIGNALED(wait_status) ? fmt::format("signal:{}", WTERMSIG(wait_status))
                                  : fmt::format("exit:{}", WEXITSTATUS(wait_status));
}

}  // namespace

TargetSet::TargetSet(std::string session, std::string rings, session::SessionWriter* writer,
                     const FileSystem* fs)
    : session_(std::move(session)), rings_(std::move(rings)), writer_(writer), fs_(fs) {
  reserve_.Make(session_);
}

void TargetSet::SetChild(pid_t child, bool follows_all) {
  child_ = child;
  follows_all_ = follows_all;
  descendants_.emplace(fs_, child_, session_);
  child_sampler_.emplace(fs_, child_, 0);
}

bool TargetSet::HasNewcomer() const {
  for (const std::string& path : session::FindRings(rings_)) {
    struct stat status{};
    if (stat(path.c_str(), &status) == 0 && !known_rings_.contains({path, status.st_ino})) {
      return true;
    }
  }
  return false;
}

void TargetSet::Discover() {
  std::vector<std::unique_ptr<RingMap>> rings;
  for (const std::string& path : session::FindRings(rings_)) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) continue;
    if (!known_rings_.emplace(path, status.st_ino).second) continue;
    auto ring = RingMap::Open(path);
    if (ring) {
      rings.push_back(*std::move(ring));
    } else {
      WriteMissing(fmt::format("{} is no ring that can be read: {}", Basename(path),
                               ring.error().message()));
    }
  }
  std::stable_sort(rings.begin(), rings.end(), [](const auto& a, const auto& b) {
    return a->info().monotonic_ns_at_start < b->info().monotonic_ns_at_start;
  });
  for (auto& ring : rings) Add(std::move(ring));
}

void TargetSet::Add(std::unique_ptr<RingMap> ring) {
  if (next_process_ >= session::kMaxProcesses) {
    return WriteUnseen({ring->info().pid, "unknown", "not recorded: one process too many"});
  }
  wire::ExtraOf(ring->header()).tried_filters.store(tried_filters_, std::memory_order_relaxed);
  const Descendants::Identity owner = OwnerOf(*ring);
  // Of one process, or of one number, the newest lives.
  const std::uint64_t began = ring->info().monotonic_ns_at_start;
  const auto is_of_owner = [&](const auto& old) {
    return old->pid() == owner.pid && old->start_ticks() == owner.start_ticks;
  };
  const auto is_earlier = [&](const auto& old) {
    return is_of_owner(old) && old->ring().info().monotonic_ns_at_start <= began;
  };
  const bool has_later = std::any_of(targets_.begin(), targets_.end(), [&](const auto& old) {
    return is_of_owner(old) && !is_earlier(old);
  });
  for (const auto& old : targets_) {
    if (is_earlier(old)) FinishEarlier(old.get());
  }
  std::erase_if(targets_, is_earlier);
  auto target = std::make_unique<Target>(std::move(ring), next_process_++, fs_, owner.pid,
                                         owner.start_ticks, redacts_);
  for (const auto& other : targets_) wire::Revoke(&other->ring().header().clock_permit);
  target->Beat();
  if (IsWriting()) static_cast<void>(target->WriteFact(writer_).has_value());
  if (target->is_recording() && !has_main_) {
    has_main_ = true;
    main_limit_ = target->ring().info().note;
    main_process_ = target->process();
    samples_.clear();  // of the program before it was clear who is recorded
    next_sample_ns_ = 0;
  }
  if (is_native_ && target->is_recording()) NoteNoNative(*target);
  if (!target->is_recording() && dormant_note_.empty()) {
    dormant_note_ = target->ring().info().note;
  }
  targets_.push_back(std::move(target));
  if (!has_later) return;
  FinishEarlier(targets_.back().get());
  targets_.pop_back();
}

void TargetSet::NoteNoNative(Target& target) {
  if ((target.ring().header().modes & wire::kRecordsNative) != 0) return;
  const std::string note = fmt::format(
      "process {}: without C frames: its glibc is older than 2.35, or its environment has lost "
      "MEMWHY_MODES",
      target.pid());
  Say(note);
  if (IsWriting() && !writer_->AddFact(session::NoteToJson(note))) GiveUpWriting();
}

Descendants::Identity TargetSet::OwnerOf(const RingMap& ring) {
  const Descendants::Identity named{static_cast<pid_t>(ring.info().pid), ring.info().start_ticks};
  const auto stat = os::ReadProcessStat(*fs_, named.pid);
  if ((stat && stat->start_ticks == named.start_ticks) || !descendants_) return named;
  // Most of those that are not there have ended.
  if (ring.info().end_clock != 0) return named;
  return descendants_->FindOwner(ring.path(), named.pid).value_or(named);
}

void TargetSet::FinishEarlier(Target* old) {
  Refresh(old);
  const session::RingInfo& info = old->ring().info();
  const bool has_left = info.state == wire::AgentState::kEnded && info.end_clock != 0;
  FinishTarget(old, has_left ? session::EndedText(info) : "exit:0");
  if (old->process() == main_process_) has_main_ = false;
  if (busiest_ == old) busiest_ = nullptr;
}

void TargetSet::Drain() {
  if (!IsWriting()) return;
  if (!DrainAll(targets_, [this] { return HasNewcomer(); }, writer_)) GiveUpWriting();
}

void TargetSet::PermitStamps(std::uint64_t now) {
  if (now < next_permit_ns_) return;
  next_permit_ns_ = now + kPermitNs;
  if (targets_.size() != 1) return;
  std::atomic<std::uint64_t>& word = targets_.front()->ring().header().clock_permit;
  std::uint64_t before = word.load(std::memory_order_acquire);
  // After the load: a forked process gives its ring a name, then changes the word.
  const std::optional<std::uint32_t> thread = targets_.front()->drain().only_busy();
  const bool may_stamp = thread && !HasNewcomer();
  if (!may_stamp && !wire::Permits(before)) return;
  word.compare_exchange_strong(
      before, may_stamp ? wire::NextPermit(before, *thread) : wire::NextRevoked(before));
}

void TargetSet::GiveUpWriting() {
  if (has_given_up_) return;
  has_given_up_ = true;
  reserve_.Release();
  // The agents stop; what their rings hold stays in these files and is read from there.
  for (const auto& target : targets_) target->ring().Stop();
  Say(writer_->failure() +
      ": recording ends here, the program goes on; what was recorded can be read");
}

void TargetSet::Sample(std::uint64_t now) {
  if (now < next_sample_ns_) return;
  looks_for_execs_ = true;
  next_sample_ns_ = std::max(next_sample_ns_ + kSampleNs, now);
  bool has_sampled = false;
  for (const auto& target : targets_) {
    if (!target->is_recording()) continue;
    if (auto sample = target->Sample()) samples_.push_back({now, *std::move(sample)});
    has_sampled = true;
  }
  if (!has_main_ && !has_sampled && child_sampler_ && samples_.size() < kMaxHeldSamples) {
    if (auto sample = child_sampler_->Sample()) samples_.push_back({now, *std::move(sample)});
  }
  if (has_main_ && samples_.size() >= kSamplesPerFact * targets_.size()) WriteSamples();
}

void TargetSet::WriteSamples() {
  if (samples_.empty() || !IsWriting()) return;
  session::OsSamplesFact fact;
  fact.samples = std::exchange(samples_, {});
  fact.clock = CounterPair();
  if (!writer_->AddFact(session::ToJson(fact))) GiveUpWriting();
}

void TargetSet::Pass(std::uint64_t now) {
  for (const auto& target : targets_) {
    if (!target->is_recording() || now < target->next_pass_ns() || !IsWriting()) continue;
    const auto written = target->WriteMaps(target->has_passes() ? "" : "start", writer_);
    target->set_next_pass_ns(now + kPassNs);
    if (written && target->process() == main_process_) last_pass_ns_ = now;
    if (!written && !IsWriting()) GiveUpWriting();
  }
}

std::string TargetSet::ChildEnded() {
  if (!child_ended_.empty()) return child_ended_;
  if (!child_status_) return "open";
  if (IsKill(*child_status_) && child_sampler_->SawOomKill()) return "oom";
  return EndedText(*child_status_);
}

std::string TargetSet::EndedOf(Target* target) {
  const auto status = target->pid() == child_ ? child_status_ : target->watch().WaitStatus();
  // Not our child, reaped, and the kernel does not tell any more: the agent may.
  if (!status) {
    target->ring().Refresh();
    const std::string noted = session::EndedText(target->ring().info());
    return noted.empty() ? "recorder_lost" : noted;
  }
  // The target's own cgroup: a shell may have moved itself after it was started.
  const std::string ended = IsKill(*status) && target->SawOomKill() ? "oom" : EndedText(*status);
  if (target->pid() == child_) child_ended_ = ended;
  return ended;
}

bool TargetSet::WriteRest(Target* target, const std::string& ended) {
  if (!DrainRest(target, writer_)) return false;
  Refresh(target);
  WriteSamples();
  return IsWriting() && target->WriteEnd(ended, writer_);
}

void TargetSet::FinishTarget(Target* target, const std::string& ended) {
  if (!IsWriting() || !WriteRest(target, ended)) {
    GiveUpWriting();
    // The ring file stays, as the only place of its last events.
    if (auto fact = target->EndFact(ended)) last_facts_.push_back(*std::move(fact));
    return;
  }
  struct stat status{};
  const std::string& path = target->ring().path();
  if (stat(path.c_str(), &status) == 0 && status.st_ino == target->ring().inode()) {
    unlink(path.c_str());
    // Another ring may get both, the name and the number.
    known_rings_.erase({path, status.st_ino});
  }
}

void TargetSet::FinishGone() {
  for (auto it = targets_.begin(); it != targets_.end();) {
    Target& target = **it;
    // Our own child is gone only once we have its status.
    const bool is_gone =
        target.pid() == child_ ? child_status_.has_value() : target.watch().IsGone();
    const bool is_replaced = !is_gone && target.IsReplaced(looks_for_execs_);
    if (!is_gone && !is_replaced) {
      ++it;
      continue;
    }
    FinishTarget(&target, is_replaced ? "exit:0" : EndedOf(&target));
    if (busiest_ == &target) busiest_ = nullptr;
    it = targets_.erase(it);
  }
  looks_for_execs_ = false;
}

void TargetSet::WriteMissing(const std::string& text) {
  if (IsWriting() &&
      !writer_->AddFact(session::NoteToJson(std::string(model::kMissingNote) + text))) {
    GiveUpWriting();
  }
}

void TargetSet::WriteUnseen(const UnseenProcess& process) {
  const std::string text =
      fmt::format("process {} ({}): {}", process.pid, process.program, process.why);
  if (++unseen_count_ == 1) first_unseen_ = text;
  if (unseen_count_ <= kMaxUnseen) WriteMissing(text);
}

void TargetSet::WriteUnseenRest() {
  if (unseen_count_ > kMaxUnseen) {
    WriteMissing(fmt::format("{} more processes", unseen_count_ - kMaxUnseen));
  }
}

std::string TargetSet::UnseenText() const {
  if (unseen_count_ < 2) return first_unseen_;
  return fmt::format("{}; and {} more processes", first_unseen_, unseen_count_ - 1);
}

void TargetSet::TakeUnseen() {
  if (descendants_ && follows_all_) {
    const auto is_recorded = [this](pid_t pid, std::uint64_t start_ticks) {
      return std::any_of(targets_.begin(), targets_.end(), [&](const auto& target) {
        return target->pid() == pid && target->start_ticks() == start_ticks;
      });
    };
    for (const UnseenProcess& process : descendants_->Look(wire::MonotonicNs(), is_recorded)) {
      WriteUnseen(process);
    }
  }
  if (tally_ == nullptr) return;
  for (const UnseenProcess& process : tally_->Take()) WriteUnseen(process);
  unseen_count_ += tally_->TakeUntold();
}

void TargetSet::Refresh(Target* target) {
  const bool was_lost = target->ring().is_lost();
  target->ring().Refresh();
  if (was_lost || !target->ring().is_lost()) return;
  const std::string note = fmt::format("process {}: {}", target->pid(), target->ring().loss());
  Say(note + ": it is no longer recorded, the program goes on");
  if (IsWriting() && !writer_->AddFact(session::NoteToJson(note))) GiveUpWriting();
}

void TargetSet::Refresh() {
  busiest_ = nullptr;
  for (const auto& target : targets_) {
    Refresh(target.get());
    // Without a writer the agents must take us for gone instead of waiting for room.
    if (IsWriting()) target->Beat();
    if (target->drain().IsUrgent() || target->quiet().IsShort()) busiest_ = target.get();
  }
}

Result<void> TargetSet::PassAll(const std::string& at) {
  Result<void> outcome;
  const std::uint64_t now = wire::MonotonicNs();
  bool has_any = false;
  for (const auto& target : targets_) {
    if (!target->is_recording()) continue;
    // Counters and address space of one instant belong together.
    if (auto sample = target->Sample()) {
      samples_.push_back({wire::MonotonicNs(), *std::move(sample)});
    }
    auto written = target->WriteMaps(at, writer_);
    if (!written) outcome = written.error();
    has_any = has_any || written.has_value();
  }
  if (has_any) last_pass_ns_ = now;
  WriteSamples();
  if (!has_any && outcome) return Error("no process is being recorded");
  return outcome;
}

void TargetSet::FinishAll() {
  if (!IsWriting() || targets_.empty()) return;
  for (const auto& target : targets_) {
    target->ring().Stop();
    FinishTarget(target.get(), "open");
  }
  const std::string note = fmt::format(
      "{} process(es) of the program outlived it and were recorded up to its end", targets_.size());
  static_cast<void>(writer_->AddFact(session::NoteToJson(note)).has_value());
}

Target* TargetSet::Find(std::uint32_t process) const {
  for (const auto& target : targets_) {
    if (target->process() == process && target->is_recording()) return target.get();
  }
  return nullptr;
}

std::size_t TargetSet::CountRecorded() const {
  return static_cast<std::size_t>(std::count_if(
      targets_.begin(), targets_.end(), [](const auto& target) { return target->is_recording(); }));
}

}  // namespace memwhy::recorder
