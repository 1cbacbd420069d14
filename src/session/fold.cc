// SPDX-License-Identifier: Apache-2.0
#include "session/fold.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "model/sites/site_account.h"
#include "session/ended_threads.h"
#include "session/pieces.h"
#include "session/reader.h"
#include "session/stream_encoder.h"
#include "session/writer.h"

namespace memwhy::session {
namespace {

// What is older than the cut is thinned to so many: the highest of neighbours stays.
constexpr std::size_t kOldSamplesPerProcess = 2000;
constexpr std::size_t kOldClockPairs = 500;
constexpr std::size_t kFoldPieceBytes = kBlockBytes / 2;

bool IsCopied(wire::EventKind kind) {
  using enum wire::EventKind;
  return kind == kDefineNode || kind == kDefineCode || kind == kDefineModule ||
         kind == kCodeModule || kind == kThread || kind == kThreadName || kind == kLost ||
         kind == kPrivate;
}

bool IsEvent(wire::EventKind kind) {
  using enum wire::EventKind;
  return HasTime(kind) && kind != kAdvise && kind != kThreadEnd;
}

void ThinSamples(std::uint64_t until_ns, std::vector<OsSampleFact>* samples) {
  std::unordered_map<std::uint32_t, std::vector<OsSampleFact>> old;
  std::vector<OsSampleFact> kept;
  for (OsSampleFact& sample : *samples) {
    if (sample.monotonic_ns <= until_ns) {
      old[sample.sample.process.value].push_back(std::move(sample));
    } else {
      kept.push_back(std::move(sample));
    }
  }
  for (auto& [process, rows] : old) {
    while (rows.size() > kOldSamplesPerProcess) {
      std::size_t out = 0;
      for (std::size_t i = 0; i < rows.size(); i += 2) {
        const bool is_second = i + 1 < rows.size() && rows[i + 1].sample.rss > rows[i].sample.rss;
        rows[out++] = rows[is_second ? i + 1 : i];
      }
      rows.resize(out);
    }
    kept.insert(kept.end(), rows.begin(), rows.end());
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const auto& a, const auto& b) { return a.monotonic_ns < b.monotonic_ns; });
  *samples = std::move(kept);
}

}  // namespace

class Folding {
 public:
  Folding(std::unique_ptr<Session> session, const FoldOptions& options)
      : session_(std::move(session)), options_(options) {}
  Result<void> Run(const std::string& directory);

 private:
  // Where the kept part of a stream begins: record `position` of the piece whose bytes stand at
  // (block, begin); behind the last piece when nothing is kept.
  struct Cut {
    std::size_t piece = 0;         // index into the stream's pieces
    std::uint32_t position = 0;    // in it
    std::uint64_t folded_end = 0;  // stream bytes that the folded part stands for
    std::uint64_t extra = 0;       // bytes of them that are borrowed from the cut piece
    bool is_ended = false;         // kThreadEnd is in the folded part
    std::uint64_t ticks = 0;       // the running state there
    std::uint64_t unit = 0;
    std::uint64_t size = 0;
    std::uint64_t stack = 0;
    std::uint64_t events = 0;
    bool is_found = false;
    bool is_merged = false;  // goes into the stream of its process's ended threads
    StreamDecoder decoder;
    StreamEncoder encoder;  // the definitions, then what was folded
    bool has_folded() const { return piece != 0 || position != 0; }
  };
  struct HeldBlock {
    std::uint32_t thread;
    std::uint32_t process;
    std::uint32_t site;
    std::uint8_t flags;
    std::uint64_t address;
    std::uint64_t size;
  };

  Result<void> FindCuts();
  Result<void> Walk(const Session::Stream& stream, std::span<const std::uint8_t> bytes, Cut* cut);
  std::uint32_t IndexOf(const Piece& piece) const {
    return session_->stream_index_.at(std::uint64_t{piece.process} << 32 | piece.thread);
  }
  std::vector<HeldBlock> CollectHeld(const model::SiteAccount& account) const;
  void ChooseMerged();
  EndedThreads& EndedOf(std::uint32_t thread);
  Result<void> AddSums(const model::SiteAccount& account);
  Result<void> AddHeld(const model::SiteAccount& account);
  Result<std::uint32_t> LocalStack(std::uint32_t thread, model::StackId stack);
  Result<void> WriteFacts(const model::SiteAccount& account, const model::Stats& stats);
  Result<void> WriteFolded();
  Result<void> WriteStream(std::uint32_t process, std::uint32_t number, StreamEncoder* encoder,
                           Cut* cut);
  Result<void> CopyKept();
  Result<void> CopyPiece(const Piece& piece, std::uint32_t block, std::uint32_t begin);
  Result<void> AddPiece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                        std::uint64_t stream_bytes, std::span<const std::uint8_t> bytes);
  Result<void> Flush();
  std::uint64_t NsOf(double seconds) const {
    return session_->origin_ns_ + static_cast<std::uint64_t>(seconds * 1e9 + 0.5);
  }

  std::unique_ptr<Session> session_;
  const FoldOptions options_;
  double until_ = 0;       // what is told to be the end of the folded part
  double cut_ = 0;         // events above it stay
  std::vector<Cut> cuts_;  // by stream
  std::unique_ptr<SessionWriter> writer_;
  std::vector<std::unordered_map<std::uint32_t, std::uint32_t>> local_stacks_;  // by stream
  std::map<std::uint32_t, EndedThreads> ended_;                                 // by process
  std::vector<std::uint8_t> open_;         // pieces of the open block
  std::uint32_t first_kept_ = UINT32_MAX;  // blocks before it are folded as a whole
};

// The same walk as the replay's, so that both stop at the same record of each stream.
Result<void> Folding::Walk(const Session::Stream& stream, std::span<const std::uint8_t> bytes,
                           Cut* cut) {
  const ClockMap& clock = *session_->clocks_[stream.process.value];
  const std::uint32_t shift = session_->shifts_[stream.process.value];
  cut->decoder.SetPiece(bytes);
  cut->position = 0;
  Record record;
  StreamDecoder::Step step{};
  while ((step = cut->decoder.Next(&record)) == StreamDecoder::Step::kRecord) {
    if (IsEvent(record.kind)) {
      if (clock.Seconds(record.ticks << shift) > cut_) {
        cut->is_found = true;
        return {};
      }
      ++cut->events;
    }
    const std::size_t end = cut->decoder.position();
    if (IsCopied(record.kind)) {
      cut->encoder.Verbatim(bytes.subspan(cut->position, end - cut->position));
    }
    if (record.kind == wire::EventKind::kThreadEnd) cut->is_ended = true;
    cut->position = static_cast<std::uint32_t>(end);
    cut->ticks = cut->decoder.ticks();
    cut->unit = cut->decoder.unit();
    cut->size = cut->decoder.size();
    cut->stack = cut->decoder.stack();
  }
  if (step == StreamDecoder::Step::kDamaged) return Error("a block has changed");
  cut->position = 0;
  ++cut->piece;
  return {};
}

Result<void> Folding::FindCuts() {
  for (const Session::Stream& stream : session_->streams_) {
    Cut& cut = cuts_.emplace_back();
    cut.decoder = StreamDecoder(stream.index.start_ticks());
    cut.ticks = stream.index.start_ticks();
    cut.folded_end = stream.index.end_offset();
  }
  std::vector<std::uint8_t> raw;
  for (std::uint32_t block = 0; block < session_->blocks_.size(); ++block) {
    MEMWHY_TRY_VOID(session_->file_.Read(session_->blocks_[block], &raw));
    PieceReader reader(raw);
    Piece piece;
    while (reader.Next(&piece)) {
      const std::uint32_t index = IndexOf(piece);
      Cut& cut = cuts_[index];
      const auto& pieces = session_->streams_[index].index.pieces();
      if (cut.is_found || cut.piece == pieces.size()) continue;
      const PieceRef& ref = pieces[cut.piece];
      if (ref.source != block || ref.begin != reader.PlaceOf(piece)) continue;
      MEMWHY_TRY_VOID(Walk(session_->streams_[index], piece.bytes.first(ref.length), &cut));
      if (cut.is_found) cut.folded_end = piece.offset;
    }
  }
  for (std::size_t i = 0; i < cuts_.size(); ++i) {
    const auto& pieces = session_->streams_[i].index.pieces();
    if (cuts_[i].piece == pieces.size()) continue;
    if (!cuts_[i].is_found) return Error("a piece of a stream is stored twice");
    first_kept_ = std::min(first_kept_, pieces[cuts_[i].piece].source);
  }
  return {};
}

Result<std::uint32_t> Folding::LocalStack(std::uint32_t thread, model::StackId stack) {
  auto& known = local_stacks_[thread];
  if (known.empty()) {
    const auto& stacks = session_->streams_[thread].index.stacks();
    for (std::uint32_t i = 0; i < stacks.size(); ++i) known.emplace(stacks[i].value, i);
  }
  const auto found = known.find(stack.value);
  if (found == known.end()) return Error("a stack is not of its thread");
  return found->second;
}

std::vector<Folding::HeldBlock> Folding::CollectHeld(const model::SiteAccount& account) const {
  std::vector<HeldBlock> held;
  for (std::uint32_t process = 0; process < account.process_count(); ++process) {
    const model::LiveSet& live = account.live({process});
    const auto add = [&](std::uint32_t site, std::uint64_t address, std::uint64_t size,
                         bool is_mapping, bool continues) {
      const std::uint8_t flags =
          (continues ? wire::kHeldContinues : 0) |
          (account.IsLast({process}, site, address, is_mapping) ? wire::kHeldLast : 0);
      held.push_back({account.site(site).key.thread.value, process, site, flags, address, size});
    };
    const auto begin = static_cast<std::ptrdiff_t>(held.size());
    live.blocks.ForEach([&](std::uint64_t address, const model::Block& block) {
      add(block.row, address, block.size, false, false);
    });
    std::sort(held.begin() + begin, held.end(),
              [](const HeldBlock& a, const HeldBlock& b) { return a.address < b.address; });
    // The parts of one mapping follow each other.
    auto pieces = live.mappings.Pieces();
    std::stable_sort(pieces.begin(), pieces.end(),
                     [](const auto& a, const auto& b) { return a.mapping < b.mapping; });
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool continues = i != 0 && pieces[i].mapping == pieces[i - 1].mapping;
      add(pieces[i].row, pieces[i].begin, pieces[i].size, true, continues);
    }
  }
  return held;
}

// The streams of threads that have ended, but for the first of each process.
void Folding::ChooseMerged() {
  std::unordered_map<std::uint32_t, std::size_t> ended;  // by process
  for (std::size_t i = 0; i < cuts_.size(); ++i) {
    const Session::Stream& stream = session_->streams_[i];
    Cut& cut = cuts_[i];
    const bool is_collected = stream.number == kEndedThreadsNumber;
    const bool is_over = cut.is_ended && cut.piece == stream.index.pieces().size();
    cut.is_merged = is_collected || (is_over && ++ended[stream.process.value] > kEndedThreadsKept);
  }
}

EndedThreads& Folding::EndedOf(std::uint32_t thread) {
  return ended_.try_emplace(session_->streams_[thread].process.value, session_->stacks_)
      .first->second;
}

Result<void> Folding::AddSums(const model::SiteAccount& account) {
  for (std::uint32_t number = 0; number < account.site_count(); ++number) {
    const model::SiteStats& site = account.site(number);
    const std::uint32_t thread = site.key.thread.value;
    const bool is_ended = account.is_ended(site.key.process);
    const model::Amount live = is_ended ? site.live : model::Amount{};
    const std::uint64_t sums[10] = {site.allocated.bytes, site.allocated.blocks,
                                    site.released.bytes,  site.released.blocks,
                                    site.temporary.bytes, site.temporary.blocks,
                                    site.at_peak.bytes,   site.at_peak.blocks,
                                    live.bytes,           live.blocks};
    if (std::all_of(std::begin(sums), std::end(sums), [](auto sum) { return sum == 0; })) continue;
    if (cuts_[thread].is_merged) {
      EndedOf(thread).AddSums(site.key.allocator, site.key.process.value, site.key.stack, sums);
      continue;
    }
    MEMWHY_TRY(const std::uint32_t stack, LocalStack(thread, site.key.stack));
    cuts_[thread].encoder.Folded(site.key.allocator, site.key.process.value, stack, sums);
  }
  return {};
}

Result<void> Folding::AddHeld(const model::SiteAccount& account) {
  for (const HeldBlock& block : CollectHeld(account)) {
    const model::SiteKey& key = account.site(block.site).key;
    if (cuts_[block.thread].is_merged) {
      EndedOf(block.thread)
          .AddHeld(block.flags, key.allocator, block.process, block.address, block.size, key.stack);
      continue;
    }
    MEMWHY_TRY(const std::uint32_t stack, LocalStack(block.thread, key.stack));
    cuts_[block.thread].encoder.Held(block.flags, key.allocator, block.process, block.address,
                                     block.size, stack);
  }
  return {};
}

Result<void> Folding::WriteFacts(const model::SiteAccount& account, const model::Stats& stats) {
  Facts& facts = session_->facts_;
  const std::uint64_t until_ns = NsOf(until_);
  if (facts.session) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(*facts.session)));
  for (const auto& [index, fact] : facts.processes) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  FoldedFact folded = facts.folded.value_or(FoldedFact{});
  folded.until_ns = until_ns;
  folded.peak_at_ns = NsOf(stats.peak_at);
  model::FoldedPart& part = folded.part;
  part.why = options_.why;
  for (const Cut& cut : cuts_) part.events += cut.events;
  part.peak_bytes = account.peak_bytes();
  part.unknown_releases = stats.unknown_releases;
  part.unknown_unmaps = stats.unknown_unmaps;
  part.replaced_blocks = stats.replaced_blocks;
  part.allocated_by_size = account.allocated_by_size();
  part.ended_by_size = account.ended_by_size();
  folded.forked.clear();
  for (const auto& [index, fact] : facts.processes) {
    if (fact.fork_clock != 0 && session_->clocks_[index]->Seconds(fact.fork_clock) <= until_) {
      folded.forked.push_back(index);
    }
  }
  MEMWHY_TRY_VOID(writer_->AddFact(ToJson(folded)));
  // Unlike the clock pairs of facts, those of samples would grow without end.
  auto& clock = facts.clock;
  std::sort(clock.begin(), clock.end(),
            [](const auto& a, const auto& b) { return a.monotonic_ns < b.monotonic_ns; });
  const auto is_same = [](const auto& a, const auto& b) {
    return a.monotonic_ns == b.monotonic_ns;
  };
  clock.erase(std::unique(clock.begin(), clock.end(), is_same), clock.end());
  if (facts.session && facts.session->clock) {
    std::erase_if(clock, [&](const auto& pair) { return is_same(pair, *facts.session->clock); });
  }
  const std::size_t step = std::max<std::size_t>(1, clock.size() / kOldClockPairs);
  for (std::size_t i = 0; i < clock.size(); ++i) {
    if (i % step != 0 && i + 1 != clock.size()) continue;
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(OsSamplesFact{{}, clock[i]})));
  }
  ThinSamples(until_ns, &facts.os_samples);
  if (!facts.os_samples.empty()) {
    MEMWHY_TRY_VOID(
        writer_->AddFact(ToJson(OsSamplesFact{std::move(facts.os_samples), std::nullopt})));
  }
  for (const auto& [index, fact] : facts.process_ends) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  for (const MapsFact& fact : facts.maps) {
    if (fact.monotonic_ns >= until_ns) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  for (const HeapDumpFact& fact : facts.heap_dumps) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  for (const ObjectPeriodFact& fact : facts.object_periods) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  for (const InterventionFact& fact : facts.interventions) {
    MEMWHY_TRY_VOID(writer_->AddFact(ToJson(fact)));
  }
  if (facts.window) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(*facts.window)));
  for (const std::string& note : facts.notes) MEMWHY_TRY_VOID(writer_->AddFact(NoteToJson(note)));
  if (facts.end) MEMWHY_TRY_VOID(writer_->AddFact(ToJson(*facts.end)));
  return {};
}

// The folded part of a stream in pieces that together stand for its bytes before the cut.
Result<void> Folding::WriteStream(std::uint32_t process, std::uint32_t number,
                                  StreamEncoder* encoder, Cut* cut) {
  encoder->State(cut->ticks, cut->unit, cut->size, cut->stack);
  if (cut->is_ended) encoder->ThreadEnd(cut->ticks);
  const std::vector<std::uint8_t> bytes = encoder->Take();
  // Pieces end between records.
  std::vector<std::size_t> ends;
  StreamDecoder decoder;
  decoder.SetPiece(bytes);
  Record record;
  std::size_t begin = 0;
  std::size_t last = 0;
  while (decoder.Next(&record) == StreamDecoder::Step::kRecord) {
    if (decoder.position() - begin > kFoldPieceBytes && last > begin) ends.push_back(begin = last);
    last = decoder.position();
  }
  if (last != bytes.size()) return Error("a folded stream does not decode");
  ends.push_back(last);
  if (cut->folded_end < ends.size()) {
    cut->extra = ends.size() - cut->folded_end;
    cut->folded_end = ends.size();
  }
  begin = 0;
  for (std::size_t k = 0; k < ends.size(); ++k) {
    const bool is_last = k + 1 == ends.size();
    const std::uint64_t stands_for = is_last ? cut->folded_end - k : 1;
    MEMWHY_TRY_VOID(
        AddPiece(process, number, k, stands_for, std::span(bytes).subspan(begin, ends[k] - begin)));
    begin = ends[k];
  }
  return {};
}

Result<void> Folding::WriteFolded() {
  for (std::size_t i = 0; i < cuts_.size(); ++i) {
    Cut& cut = cuts_[i];
    if (!cut.has_folded() || cut.is_merged) continue;
    const Session::Stream& stream = session_->streams_[i];
    MEMWHY_TRY_VOID(WriteStream(stream.process.value, stream.number, &cut.encoder, &cut));
  }
  for (auto& [process, ended] : ended_) {
    StreamEncoder encoder = std::move(ended).Finish();
    Cut whole;
    whole.is_ended = true;
    MEMWHY_TRY_VOID(WriteStream(process, kEndedThreadsNumber, &encoder, &whole));
  }
  return Flush();
}

Result<void> Folding::AddPiece(std::uint32_t process, std::uint32_t thread, std::uint64_t offset,
                               std::uint64_t stream_bytes, std::span<const std::uint8_t> bytes) {
  if (open_.size() + bytes.size() > kMaxPiecesBytes / 2) MEMWHY_TRY_VOID(Flush());
  AppendPieceHead(process, thread, offset, stream_bytes, bytes.size(), &open_);
  open_.insert(open_.end(), bytes.begin(), bytes.end());
  return open_.size() < kBlockBytes ? Result<void>() : Flush();
}

Result<void> Folding::Flush() {
  if (open_.empty()) return {};
  auto written = writer_->AddBlock(open_);
  open_.clear();
  return written;
}

Result<void> Folding::CopyPiece(const Piece& piece, std::uint32_t block, std::uint32_t begin) {
  const std::uint32_t index = IndexOf(piece);
  const Cut& cut = cuts_[index];
  const auto& pieces = session_->streams_[index].index.pieces();
  std::uint32_t skip = 0;
  std::uint64_t extra = 0;
  if (cut.piece < pieces.size()) {
    const PieceRef& ref = pieces[cut.piece];
    if (block < ref.source || (block == ref.source && begin < ref.begin)) return {};
    if (block == ref.source && begin == ref.begin) {
      skip = cut.position;
      extra = cut.extra;
    }
  } else if (!pieces.empty()) {
    const PieceRef& ref = pieces.back();
    if (block < ref.source || (block == ref.source && begin <= ref.begin)) return {};
  }
  if (extra >= piece.stream_bytes) return Error("too little to fold");
  return AddPiece(piece.process, piece.thread, piece.offset + extra, piece.stream_bytes - extra,
                  piece.bytes.subspan(skip));
}

Result<void> Folding::CopyKept() {
  std::vector<std::uint8_t> raw;
  std::vector<std::uint8_t> stored;
  for (std::uint32_t block = first_kept_; block < session_->blocks_.size(); ++block) {
    const BlockFile::Place& place = session_->blocks_[block];
    MEMWHY_TRY_VOID(session_->file_.Read(place, &raw));
    // A block of which nothing is folded is copied as it stands.
    bool is_untouched = true;
    PieceReader reader(raw);
    Piece piece;
    while (is_untouched && reader.Next(&piece)) {
      const std::uint32_t index = IndexOf(piece);
      const Cut& cut = cuts_[index];
      const auto& pieces = session_->streams_[index].index.pieces();
      if (!cut.has_folded()) continue;
      is_untouched = cut.piece < pieces.size()
                         ? block > pieces[cut.piece].source ||
                               (block == pieces[cut.piece].source && cut.position == 0 &&
                                cut.extra == 0 && reader.PlaceOf(piece) >= pieces[cut.piece].begin)
                         : !pieces.empty() && block > pieces.back().source;
    }
    if (is_untouched) {
      MEMWHY_TRY_VOID(session_->file_.ReadStored(place, &stored));
      MEMWHY_TRY_VOID(Flush());
      MEMWHY_TRY_VOID(writer_->AddStored(stored));
      continue;
    }
    PieceReader again(raw);
    while (again.Next(&piece)) {
      MEMWHY_TRY_VOID(CopyPiece(piece, block, again.PlaceOf(piece)));
    }
  }
  return Flush();
}

Result<void> Folding::Run(const std::string& directory) {
  if (!session_->recording_.damage.empty()) {
    return Error("a damaged session is not folded: " + session_->recording_.damage);
  }
  const bool is_whole = options_.until_ns == UINT64_MAX;
  until_ = is_whole ? session_->recording_.seconds : session_->SecondsOfNs(options_.until_ns);
  if (session_->recording_.folded) until_ = std::max(until_, session_->recording_.folded->until);
  cut_ = is_whole ? std::numeric_limits<double>::infinity() : until_;
  model::SiteAccount account(0, std::numeric_limits<double>::infinity(),
                             session_->recording_.folded);
  MEMWHY_TRY_VOID(session_->ReplayUntil(cut_, account));
  const model::Stats stats = account.Finish(until_);
  MEMWHY_TRY_VOID(FindCuts());
  ChooseMerged();
  local_stacks_.resize(cuts_.size());
  MEMWHY_TRY_VOID(AddSums(account));
  MEMWHY_TRY_VOID(AddHeld(account));
  MEMWHY_TRY(writer_, SessionWriter::CreateFile(directory, kFoldedFile));
  MEMWHY_TRY_VOID(WriteFacts(account, stats));
  MEMWHY_TRY_VOID(WriteFolded());
  return CopyKept();
}

Result<void> Fold(const std::string& session, const FoldOptions& options) {
  unlink(JoinPath(session, kFoldedFile).c_str());
  MEMWHY_TRY(auto opened, Session::OpenBlocks(session, options.file_bytes));
  auto done = Folding(std::move(opened), options).Run(session);
  if (!done) unlink(JoinPath(session, kFoldedFile).c_str());
  return done;
}

}  // namespace memwhy::session
