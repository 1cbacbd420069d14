// SPDX-License-Identifier: Apache-2.0
#include "session/reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file_system.h"
#include "base/strings.h"
#include "model/missing_note.h"
#include "os/process.h"
#include "session/pieces.h"
#include "session/ring_place.h"

namespace memwhy::session {
namespace {

// A stream, its thread in the recording, and its place in a merge.
constexpr std::uint64_t kStreamBytes = 2048;

bool IsAlive(std::uint32_t pid, std::uint64_t start_ticks) {
  if (pid == 0) return false;
  const auto stat = os::ReadProcessStat(RealFileSystem(), static_cast<pid_t>(pid));
  return stat && stat->start_ticks == start_ticks && stat->state != 'Z';
}

}  // namespace

Result<std::unique_ptr<Session>> Session::Open(const std::string& path) {
  std::string directory = path;
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  if (!IsDirectory(directory) && Basename(directory) == kBlocksFile) {
    directory.resize(directory.size() - Basename(directory).size());
    if (directory.empty()) directory = ".";
  }
  if (!IsDirectory(directory)) {
    return Error::Of("{} is not a session directory", path);
  }
  // Rings before blocks: what the recorder moves from one to the other meanwhile is seen twice,
  // which offsets tell, and never missed.
  std::vector<RingSnapshot> rings;
  std::vector<std::string> bad_rings;
  const RingPlace place = FindRingPlace(directory);
  for (const std::string& ring_path : FindAllRings(directory)) {
    auto ring = ReadRing(ring_path);
    if (ring) {
      rings.push_back(*std::move(ring));
    } else {
      bad_rings.push_back(ring.error().message());
    }
  }
  MEMWHY_TRY(auto file, BlockFile::Open(JoinPath(directory, kBlocksFile)));
  std::unique_ptr<Session> session(new Session(std::move(file)));
  session->recording_.path = directory;
  session->ReadBlocks();
  for (const std::string& what : bad_rings) session->AddDamage(what);
  if (!place.trouble.empty()) {
    session->facts_.notes.push_back(fmt::format("{}the last moments, whose rings lie elsewhere: {}",
                                                model::kMissingNote, place.trouble));
  }
  for (RingSnapshot& ring : rings) session->AddRing(std::move(ring));
  session->BuildRecording();
  return session;
}

Result<std::unique_ptr<Session>> Session::OpenBlocks(const std::string& directory,
                                                     std::uint64_t limit) {
  MEMWHY_TRY(auto file, BlockFile::Open(JoinPath(directory, kBlocksFile), limit));
  std::unique_ptr<Session> session(new Session(std::move(file)));
  session->recording_.path = directory;
  session->ReadBlocks();
  session->BuildRecording();
  return session;
}

void Session::ReadBlocks() {
  BlockFile::Place place;
  std::vector<std::uint8_t> raw;
  bool is_good = true;
  while (is_good && file_.Next(&place, &raw)) {
    allowance_.Earn(sizeof(BlockHeader) + place.header.stored_bytes);
    switch (static_cast<BlockKind>(place.header.kind)) {
      case BlockKind::kPieces:
      case BlockKind::kColumns:
        if (blocks_.size() >= kRingSource) return;
        blocks_.push_back(place);
        unfolded_bytes_ += raw.size();
        is_good = AddPieces(static_cast<std::uint32_t>(blocks_.size() - 1), raw);
        break;
      case BlockKind::kFact:
        is_good = AddFact(place.offset, raw);
        break;
      case BlockKind::kDump:  // of heap dumps: nothing of a session's
        break;
    }
  }
}

bool Session::AddFact(std::uint64_t offset, std::span<const std::uint8_t> raw) {
  const std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
  const std::uint64_t before = facts_.kept_bytes;
  if (auto added = AddFactText(text, &facts_); !added) {
    AddDamage(fmt::format("{} at byte {}", added.error().message(), offset));
  }
  if (allowance_.Charge(facts_.kept_bytes - before)) return true;
  AddDamage(fmt::format("the facts up to byte {} are more than its bytes can hold", offset));
  return false;
}

bool Session::AddPieces(std::uint32_t block, std::span<const std::uint8_t> raw) {
  PieceReader reader(raw);
  Piece piece;
  while (reader.Next(&piece)) {
    Stream* stream = FindStream(piece.process, piece.thread);
    if (stream == nullptr) return false;
    const PieceRef ref{block, reader.PlaceOf(piece), 0};
    stream->index.Add(ref, piece.offset, piece.stream_bytes, piece.bytes);
  }
  if (reader.is_damaged()) AddDamage("a block of pieces does not decode");
  return true;
}

Session::Stream* Session::FindStream(std::uint32_t process, std::uint32_t thread) {
  const std::uint64_t key = std::uint64_t{process} << 32 | thread;
  const auto found = stream_index_.find(key);
  if (found != stream_index_.end()) return &streams_[found->second];
  if (!allowance_.Charge(kStreamBytes)) {
    AddDamage("it has more threads than its bytes can hold");
    return nullptr;
  }
  const auto fact = facts_.processes.find(process);
  const std::uint64_t start =
      fact == facts_.processes.end() ? 0 : fact->second.clock.clock >> fact->second.clock_shift;
  const auto index = static_cast<std::uint32_t>(streams_.size());
  stream_index_.emplace(key, index);
  streams_.push_back(
      {model::ProcessId{process}, model::ThreadId{index}, thread, StreamIndex(start, &allowance_)});
  return &streams_.back();
}

std::uint32_t Session::ProcessOfRing(const RingInfo& info) {
  for (const auto& [index, process] : facts_.processes) {
    // A process that replaced itself (exec) has two rings; their clocks differ.
    if (process.pid == info.pid && process.start_ticks == info.start_ticks &&
        process.clock.clock == info.clock_at_start) {
      return index;
    }
  }
  const std::uint32_t index = facts_.processes.empty() ? 0 : facts_.processes.rbegin()->first + 1;
  facts_.processes[index] = ToProcessFact(info, index);
  return index;
}

void Session::AddRing(RingSnapshot ring) {
  const std::uint32_t process = ProcessOfRing(ring.info);
  if (process >= kMaxProcesses) return;
  for (RingPiece& piece : ring.pieces) {
    ring_bytes_.push_back(std::move(piece.bytes));
    const PieceRef ref{kRingSource | static_cast<std::uint32_t>(ring_bytes_.size() - 1), 0, 0};
    allowance_.Earn(ring_bytes_.back().size());
    Stream* stream = FindStream(process, piece.thread);
    if (stream == nullptr) return;
    const std::uint64_t before = stream->index.end_offset();
    stream->index.Add(ref, piece.offset, ring_bytes_.back().size(), ring_bytes_.back());
    if (stream->index.end_offset() == before) ring_bytes_.pop_back();
  }
  rings_.push_back({process, std::move(ring.info)});
}

void Session::AddDamage(const std::string& what) {
  if (!recording_.damage.empty()) recording_.damage += "; ";
  recording_.damage += what;
}

std::uint64_t Session::records() const {
  std::uint64_t sum = 0;
  for (const Stream& stream : streams_) sum += stream.index.records();
  return sum;
}

double Session::SecondsOfNs(std::uint64_t monotonic_ns) const {
  const auto ns = static_cast<std::int64_t>(monotonic_ns - origin_ns_);
  return ns > 0 ? static_cast<double>(ns) * 1e-9 : 0.0;
}

double Session::SecondsOfTicks(const Stream& stream, std::uint64_t ticks) const {
  const std::uint32_t process = stream.process.value;
  return std::max(0.0, clocks_[process]->Seconds(ticks << shifts_[process]));
}

void Session::BuildClocks() {
  std::uint32_t count = 0;
  for (const auto& [index, fact] : facts_.processes) count = std::max(count, index + 1);
  for (const Stream& stream : streams_) count = std::max(count, stream.process.value + 1);
  if (facts_.session) {
    origin_ns_ = facts_.session->monotonic_ns;
  } else {
    origin_ns_ = 0;
    for (const auto& [index, fact] : facts_.processes) {
      if (origin_ns_ == 0 || fact.clock.monotonic_ns < origin_ns_) {
        origin_ns_ = fact.clock.monotonic_ns;
      }
    }
  }
  std::vector<ClockPair> pairs = facts_.clock;
  for (const auto& [index, fact] : facts_.processes) {
    if (fact.clock_kind == static_cast<std::uint32_t>(wire::ClockKind::kTsc) &&
        fact.clock.monotonic_ns != 0) {
      pairs.push_back(fact.clock);
    }
  }
  counter_ = ClockMap::Counter(origin_ns_, std::move(pairs));
  nanoseconds_ = ClockMap::Nanoseconds(origin_ns_);
  shifts_.assign(count, 0);
  std::optional<std::uint32_t> first_kind;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto fact = facts_.processes.find(i);
    const bool is_known = fact != facts_.processes.end();
    const std::uint32_t kind =
        is_known ? fact->second.clock_kind : static_cast<std::uint32_t>(wire::ClockKind::kTsc);
    if (is_known) {
      shifts_[i] = fact->second.clock_shift;
      if (first_kind && *first_kind != kind) has_one_clock_ = false;
      first_kind = kind;
    }
    const bool is_counter = kind != static_cast<std::uint32_t>(wire::ClockKind::kMonotonicNs);
    clocks_.push_back(is_counter ? &counter_ : &nanoseconds_);
  }
}

void Session::BuildRecording() {
  BuildClocks();
  NativeNames names;
  for (Stream& stream : streams_) stream.index.ResolveStacks(&stacks_, &names);
  if (facts_.session) {
    recording_.command = facts_.session->command;
    recording_.host = facts_.session->host;
    recording_.started = facts_.session->started;
    recording_.mode = facts_.session->mode;
  }
  recording_.notes = facts_.notes;
  BuildProcesses();
  BuildThreads();
  BuildOs();
  BuildEnd();
}

void Session::BuildProcesses() {
  recording_.processes.resize(clocks_.size());
  for (const auto& [index, fact] : facts_.processes) {
    model::Process& process = recording_.processes[index];
    process.pid = fact.pid;
    if (fact.parent != 0) process.parent = fact.parent;
    process.started = SecondsOfNs(fact.clock.monotonic_ns);
    process.python = fact.python;
    process.command = fact.command;
    process.note = fact.note;
    process.private_begin = fact.private_begin;
    process.private_end = fact.private_end;
    process.arena_bytes = fact.arena_bytes;
    process.pool_bytes = fact.pool_bytes;
    if (!IsAlive(fact.pid, fact.start_ticks)) process.ended = "recorder_lost";
  }
  for (const RingSource& ring : rings_) {
    model::Process& process = recording_.processes[ring.process];
    process.lost_events = ring.info.lost_events;
    process.lost_bytes = ring.info.lost_bytes;
    process.waited_ns = ring.info.waited_ns;
    if (ring.info.detached_ns != 0) process.detached_at = SecondsOfNs(ring.info.detached_ns);
    if (ring.info.arena_bytes != 0) process.arena_bytes = ring.info.arena_bytes;
    if (ring.info.pool_bytes != 0) process.pool_bytes = ring.info.pool_bytes;
    if (ring.info.end_clock != 0) {
      process.ended = EndedText(ring.info);
      process.ended_at = std::max(0.0, clocks_[ring.process]->Seconds(ring.info.end_clock));
    }
  }
  for (const auto& [index, fact] : facts_.process_ends) {
    if (index >= recording_.processes.size()) continue;
    model::Process& process = recording_.processes[index];
    process.ended = fact.ended;
    process.ended_at = fact.clock == 0 ? SecondsOfNs(fact.monotonic_ns)
                                       : std::max(0.0, clocks_[index]->Seconds(fact.clock));
    process.lost_events = std::max(process.lost_events, fact.lost_events);
    process.lost_bytes = std::max(process.lost_bytes, fact.lost_bytes);
    process.waited_ns = std::max(process.waited_ns, fact.waited_ns);
    if (fact.detached_ns != 0) process.detached_at = SecondsOfNs(fact.detached_ns);
  }
}

void Session::BuildThreads() {
  std::vector<std::uint64_t> lost(recording_.processes.size());
  std::vector<std::uint64_t> lost_bytes(recording_.processes.size());
  for (const Stream& stream : streams_) {
    const StreamIndex& index = stream.index;
    model::Thread thread;
    thread.process = stream.process;
    thread.tid = index.tid();
    thread.name = index.name();
    thread.thread_pointer = index.thread_pointer();
    thread.stack_pointer = index.stack_pointer();
    if (index.end_ticks()) thread.ended_at = SecondsOfTicks(stream, *index.end_ticks());
    recording_.threads.push_back(std::move(thread));
    lost[stream.process.value] += index.lost_events();
    lost_bytes[stream.process.value] += index.lost_bytes();
    recording_.seconds = std::max(recording_.seconds, SecondsOfTicks(stream, index.last_ticks()));
    for (const IndexedMark& mark : index.marks()) {
      recording_.marks.push_back(
          {SecondsOfTicks(stream, mark.ticks), stream.process, mark.name, mark.count});
    }
    if (!index.damage().empty()) {
      AddDamage(fmt::format("thread {} of process {}: {}", index.tid(), stream.process.value,
                            index.damage()));
    }
  }
  std::stable_sort(recording_.marks.begin(), recording_.marks.end(),
                   [](const model::Mark& a, const model::Mark& b) { return a.time < b.time; });
  for (std::size_t i = 0; i < recording_.processes.size(); ++i) {
    model::Process& process = recording_.processes[i];
    process.lost_events = std::max(process.lost_events, lost[i]);
    process.lost_bytes = std::max(process.lost_bytes, lost_bytes[i]);
    recording_.lost_events += process.lost_events;
  }
}

void Session::BuildOs() {
  const std::size_t processes = recording_.processes.size();
  for (const OsSampleFact& fact : facts_.os_samples) {
    if (fact.sample.process.value >= processes) continue;
    recording_.os_samples.push_back(fact.sample);
    recording_.os_samples.back().time = SecondsOfNs(fact.monotonic_ns);
  }
  for (const MapsFact& fact : facts_.maps) {
    if (fact.pass.process.value >= processes) continue;
    recording_.maps.push_back(fact.pass);
    recording_.maps.back().time = SecondsOfNs(fact.monotonic_ns);
  }
  const auto by_time = [](const auto& a, const auto& b) { return a.time < b.time; };
  std::stable_sort(recording_.os_samples.begin(), recording_.os_samples.end(), by_time);
  std::stable_sort(recording_.maps.begin(), recording_.maps.end(), by_time);
  for (const HeapDumpFact& fact : facts_.heap_dumps) {
    if (fact.process >= processes) continue;
    if (fact.file.empty()) {
      recording_.notes.push_back(std::string(model::kNoDumpNote) + fact.error);
      continue;
    }
    // A name only: a session cannot point outside of itself.
    recording_.heap_dumps.push_back(JoinPath(recording_.path, std::string(Basename(fact.file))));
    recording_.heap_dump_times.push_back(SecondsOfNs(fact.monotonic_ns));
    recording_.heap_dump_pause_ms.push_back(fact.pause_ms);
    recording_.heap_dump_processes.push_back(model::ProcessId{fact.process});
  }
  for (const ObjectPeriodFact& fact : facts_.object_periods) {
    if (fact.process >= processes) continue;
    model::ObjectPeriod period{{fact.process}, SecondsOfNs(fact.from_ns), std::nullopt};
    if (fact.to_ns) period.to = SecondsOfNs(*fact.to_ns);
    recording_.object_periods.push_back(period);
  }
  std::stable_sort(recording_.object_periods.begin(), recording_.object_periods.end(),
                   [](const auto& a, const auto& b) { return a.from < b.from; });
  for (const InterventionFact& fact : facts_.interventions) {
    if (fact.process >= processes) continue;
    recording_.interventions.push_back({{fact.process},
                                        fact.what,
                                        SecondsOfNs(fact.from_ns),
                                        SecondsOfNs(fact.to_ns),
                                        fact.predicted_ms,
                                        fact.pause_ms,
                                        fact.answer,
                                        fact.error});
  }
  std::stable_sort(recording_.interventions.begin(), recording_.interventions.end(),
                   [](const auto& a, const auto& b) { return a.from < b.from; });
  for (const model::OsSample& sample : recording_.os_samples) {
    recording_.seconds = std::max(recording_.seconds, sample.time);
  }
  for (const model::MapsPass& pass : recording_.maps) {
    recording_.seconds = std::max(recording_.seconds, pass.time);
  }
}

void Session::BuildEnd() {
  const bool is_open = !facts_.end && facts_.session &&
                       IsAlive(facts_.session->recorder_pid, facts_.session->recorder_start);
  const bool is_half_written = is_open && file_.is_cut_off();
  if (!file_.damage().empty() && !is_half_written) AddDamage(file_.damage());
  if (facts_.end) {
    recording_.seconds = std::max(recording_.seconds, SecondsOfNs(facts_.end->monotonic_ns));
    recording_.ended = facts_.end->ended;
    recording_.recorder_cpu_seconds = facts_.end->recorder_cpu_seconds;
    recording_.session_bytes = facts_.end->session_bytes;
  } else if (is_open) {
    recording_.ended = "open";
  } else if (!file_.damage().empty() && !file_.is_cut_off()) {
    recording_.ended = "damaged";
  } else {
    recording_.ended = "recorder_lost";
  }
  if (!recording_.session_bytes) recording_.session_bytes = file_.size();
  for (model::Process& process : recording_.processes) {
    if (!is_open && process.ended == "open") process.ended = recording_.ended;
  }
  // A full disk left no room for the end of the process.
  if (facts_.end && !recording_.processes.empty() && !facts_.process_ends.contains(0)) {
    recording_.processes[0].ended = recording_.ended;
  }
  if (facts_.folded) {
    recording_.folded = facts_.folded->part;
    recording_.folded->until = SecondsOfNs(facts_.folded->until_ns);
    recording_.folded->peak_at = SecondsOfNs(facts_.folded->peak_at_ns);
    recording_.seconds = std::max(recording_.seconds, recording_.folded->until);
    recording_.notes.push_back(
        fmt::format("{}: of the first {} only the sums of each site are kept, no single events",
                    recording_.folded->why, FormatSeconds(recording_.folded->until)));
  }
  if (facts_.session && !facts_.session->rings.empty()) {
    recording_.notes.push_back(facts_.session->rings);
  }
  recording_.watched_from = 0;
  if (facts_.window) {
    recording_.watched_from = SecondsOfNs(facts_.window->from_ns);
    if (facts_.window->to_ns) recording_.watched_to = SecondsOfNs(*facts_.window->to_ns);
  }
  bool is_detached = false;
  for (const model::Process& process : recording_.processes) {
    if (!process.detached_at) continue;
    is_detached = true;
    recording_.notes.push_back(fmt::format(
        "process {}: nothing is recorded after {:.1f} s: the recorder had given no sign "
        "of life for 3 s, or could not write, or the program may not read the clock",
        process.pid, *process.detached_at));
  }
  const bool is_cut_short = facts_.end && facts_.end->is_cut_short;
  recording_.complete = recording_.damage.empty() && recording_.lost_events == 0 && !is_cut_short &&
                        !is_detached && !model::HasMissingNote(facts_.notes);
}

}  // namespace memwhy::session
