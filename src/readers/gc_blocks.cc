// SPDX-License-Identifier: Apache-2.0
#include "readers/gc_blocks.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "readers/gc_exit.h"
#include "readers/gc_form.h"

namespace memwhy::readers {
namespace {

using model::GcCollection;

// Processes that share a prefix and collect at one time; more blocks without an end have none.
constexpr std::size_t kMaxOpen = 32;
// A block that a kill has cut off stays open; after so many others it has no end.
constexpr std::uint64_t kMaxOverlap = 1000;
// Prefixes are a process or a container each; beyond that they are noise and told apart no longer.
constexpr std::size_t kMaxWriters = 4096;
constexpr std::size_t kMaxSingleHeaders = 8;
constexpr std::size_t kMaxWithLast = 64;
constexpr const char* kManyWriters = "(other prefixes)";

// Not more objects are unreachable than were looked at. Objects that finalizers make do not count.
bool CanHaveFound(const GcCollection& collection, const GcMessage& done) {
  if (!collection.before) return true;
  return done.unreachable <= ObjectsUpTo(collection, collection.generation.value_or(2));
}

template <typename T, typename Value>
bool Holds(const T& container, const Value& value) {
  return std::find(container.begin(), container.end(), value) != container.end();
}

}  // namespace

GcBlocks::GcBlocks(bool keep_shutdown, OnObject on_object)
    : keep_shutdown_(keep_shutdown), on_object_(std::move(on_object)) {}

bool GcBlocks::Wants(const Writer& writer, GcMessage::Kind kind) const {
  const auto any = [&](auto claim) {
    return std::any_of(writer.open.begin(), writer.open.end(),
                       [&](Index index) { return claim(log_.collections[index]); });
  };
  switch (kind) {
    case GcMessage::Kind::kCollecting:
    case GcMessage::Kind::kAtShutdown:
      return true;
    case GcMessage::Kind::kCounts:
      return any([](const GcCollection& collection) { return !collection.before; });
    case GcMessage::Kind::kPermanent:
      return writer.counted && !log_.collections[*writer.counted].permanent;
    case GcMessage::Kind::kObject:
    case GcMessage::Kind::kDone:
      return !writer.open.empty();
  }
  return false;
}

GcBlocks::Index GcBlocks::NewWriter(const std::string& key) {
  Index index = writers_.size();
  if (!free_writers_.empty()) {
    index = free_writers_.back();
    free_writers_.pop_back();
    writers_[index] = {};
  } else {
    writers_.emplace_back();
  }
  Writer& writer = writers_[index];
  writer.key = key;
  writer.shape = PrefixShape(key);
  writer.facts.prefix = key;
  by_key_[key] = index;
  return index;
}

// The block of `from` is all it has.
void GcBlocks::Adopt(Index from, Index to) {
  const Index collection = writers_[from].open.front();
  by_key_.erase(writers_[from].key);
  std::erase(single_headers_, from);
  std::erase(with_last_, from);
  free_writers_.push_back(from);
  writers_[from] = {};
  At(collection).writer = static_cast<std::uint32_t>(to);
  Begin(to, collection);
}

// Who wrote a message. Text of the program without an end of line looks like a prefix, so a prefix
// that was never seen again is not believed: its block is taken by the writer that goes on with it,
// and a message with such a prefix belongs to the block that waits for it.
std::optional<GcBlocks::Index> GcBlocks::WriterOf(const LogPrefix& prefix,
                                                  const GcMessage& message) {
  const bool begins = message.kind == GcMessage::Kind::kCollecting;
  const auto found = by_key_.find(prefix.key);
  std::optional<Index> index;
  if (found != by_key_.end()) index = found->second;
  if (index && Wants(writers_[*index], message.kind)) return index;
  const std::string shape = PrefixShape(prefix.key);
  if (!begins) {
    for (auto it = single_headers_.rbegin(); it != single_headers_.rend(); ++it) {
      const Index candidate = *it;
      if (candidate == index || !Wants(writers_[candidate], message.kind) ||
          writers_[candidate].shape == shape) {
        continue;
      }
      if (!index && writers_.size() >= kMaxWriters) return candidate;
      const Index owner = index ? *index : NewWriter(prefix.key);
      Adopt(candidate, owner);
      return owner;
    }
    const bool is_noise = !index && !prefix.key.empty();
    if (is_noise && last_writer_ && writers_[*last_writer_].shape != shape &&
        Wants(writers_[*last_writer_], message.kind)) {
      return last_writer_;
    }
  }
  if (index) return index;
  // These alone prove no writer.
  if (message.kind == GcMessage::Kind::kObject || message.kind == GcMessage::Kind::kPermanent) {
    return std::nullopt;
  }
  if (writers_.size() - free_writers_.size() >= kMaxWriters) {
    const auto other = by_key_.find(kManyWriters);
    return other != by_key_.end() ? other->second : NewWriter(kManyWriters);
  }
  return NewWriter(prefix.key);
}

void GcBlocks::Add(const LogPrefix& prefix, const GcMessage& message, bool may_be_cut) {
  const std::optional<Index> writer = WriterOf(prefix, message);
  if (writer) {
    Writer& known = writers_[*writer];
    ++known.messages;
    if (prefix.time) {
      if (!known.facts.first_time) known.facts.first_time = prefix.time;
      known.facts.last_time = prefix.time;
    }
    if (known.messages > 1) std::erase(single_headers_, *writer);
    last_writer_ = writer;
  }
  if (message.kind == GcMessage::Kind::kObject) return AddObject(writer, message);
  if (!writer) {
    ++unplaced_;
    return;
  }
  switch (message.kind) {
    case GcMessage::Kind::kCollecting: {
      const Index collection = NewCollection(*writer);
      At(collection).generation = message.generation;
      if (writers_[*writer].messages == 1) {
        single_headers_.push_back(*writer);
        if (single_headers_.size() > kMaxSingleHeaders) single_headers_.pop_front();
      }
      Begin(*writer, collection);
      break;
    }
    case GcMessage::Kind::kCounts:
      AddCounts(*writer, message, may_be_cut);
      break;
    case GcMessage::Kind::kPermanent:
      AddPermanent(*writer, message);
      break;
    case GcMessage::Kind::kDone:
      AddDone(*writer, message);
      break;
    case GcMessage::Kind::kAtShutdown:
      log_.uncollectable_at_shutdown = message.number;
      writers_[*writer].has_shutdown_line = true;
      break;
    case GcMessage::Kind::kObject:
      break;
  }
}

GcBlocks::Index GcBlocks::NewCollection(Index writer) {
  GcCollection& collection = log_.collections.emplace_back();
  collection.number = log_.collections.size();
  collection.writer = static_cast<std::uint32_t>(writer);
  return log_.collections.size() - 1;
}

void GcBlocks::Begin(Index index, Index collection) {
  Writer& writer = writers_[index];
  writer.open.push_back(collection);
  ++writer.begun_since_done;
  while (writer.open.size() > kMaxOpen || writer.open.front() + kMaxOverlap < collection) {
    writer.open.pop_front();
  }
  if (At(collection).generation != 2) return EndLast(index);
  if (writer.last.empty()) {
    writer.has_text_before_last = log_.other_lines > 0;
    writer.has_shutdown_line = false;
    with_last_.push_back(index);
    if (with_last_.size() > kMaxWithLast) EndLast(with_last_.front());
  }
  writer.last.push_back(collection);
  if (writer.last.size() > kExitCollections) {
    writer.last.pop_front();
    ReleaseHeld(index);
  }
}

void GcBlocks::AddCounts(Index index, const GcMessage& message, bool may_be_cut) {
  std::vector<Index> waiting;
  for (const Index open : writers_[index].open) {
    if (!At(open).before) waiting.push_back(open);
  }
  if (waiting.empty()) {
    // Only the beginning of a text may lack the first line; elsewhere these are the numbers of two
    // writers, mixed.
    if (writers_[index].messages > 1) {
      ++unplaced_;
      return;
    }
    waiting.push_back(NewCollection(index));
    Begin(index, waiting.front());
  }
  for (const Index open : waiting) At(open).is_ambiguous |= waiting.size() > 1;
  GcCollection& collection = At(waiting.front());
  collection.before = message.counts;
  writers_[index].counted = waiting.front();
  collection.is_ambiguous |= may_be_cut;
}

void GcBlocks::AddPermanent(Index index, const GcMessage& message) {
  // It is written together with the counts; when these were guessed, another block may be without,
  // or that block is past: the number is of no use then.
  const Writer& writer = writers_[index];
  std::optional<Index> at = writer.counted;
  for (const Index open : writer.open) {
    const bool is_free = At(open).before && !At(open).permanent;
    if (is_free && (!at || At(*at).permanent)) at = open;
  }
  if (!at) {
    ++unplaced_;
  } else if (!At(*at).permanent) {
    At(*at).permanent = message.number;
  }
}

void GcBlocks::AddDone(Index index, const GcMessage& message) {
  Writer& writer = writers_[index];
  if (writer.open.empty()) {
    const Index begun_before_the_text = NewCollection(index);
    Begin(index, begun_before_the_text);
  }
  std::vector<Index> candidates;
  // A version that prints no "done" was replaced by one that does: its blocks have none.
  if (writer.begun_since_done >= kMaxOpen) {
    candidates.push_back(writer.open.back());
    writer.open.clear();
  } else {
    candidates.assign(writer.open.begin(), writer.open.end());
  }
  // The last of those that are complete: whatever a kill has left open lies before it.
  const auto rank = [&](Index open) {
    const GcCollection& collection = At(open);
    return std::tuple(!collection.before, !CanHaveFound(collection, message), !collection.permanent,
                      collection.generation.value_or(3), SIZE_MAX - open);
  };
  const Index ended = *std::min_element(candidates.begin(), candidates.end(),
                                        [&](Index a, Index b) { return rank(a) < rank(b); });
  for (const Index open : candidates) At(open).is_ambiguous |= candidates.size() > 1;
  GcCollection& collection = At(ended);
  collection.collected = message.unreachable - message.uncollectable;
  collection.uncollectable = message.uncollectable;
  collection.seconds = message.seconds;
  collection.form = FormOfBlock(collection, message);
  std::erase(writer.open, ended);
  writer.has_done = true;
  writer.begun_since_done = writer.open.size();
}

void GcBlocks::AddObject(std::optional<Index> index, const GcMessage& message) {
  HeldObject object{message.address, 0, types_.Find(message.type), message.is_collectable, false};
  if (!index || writers_[*index].open.empty()) return HandOver(object, std::nullopt);
  Writer& writer = writers_[*index];
  object.collection = writer.open.back();
  object.is_guess = writer.open.size() > 1;
  if (held_count_ >= kMaxHeld) EndLast(*index);
  if (!Holds(writer.last, object.collection)) return HandOver(object, index);
  writer.held.push_back(object);
  ++held_count_;
}

void GcBlocks::HandOver(const HeldObject& object, std::optional<Index> writer) {
  types_.Count(object.type, object.is_collectable);
  ++(object.is_collectable ? log_.collectable_objects : log_.uncollectable_objects);
  if (!on_object_) return;
  model::GcObject out{object.address, types_.name(object.type), object.is_collectable, {}};
  // Blocks without "done" stay open, and are none the less one behind the other.
  if (writer && !(object.is_guess && writers_[*writer].has_done)) {
    out.collection = At(object.collection).number;
  }
  on_object_(out);
}

void GcBlocks::ReleaseHeld(Index index) {
  Writer& writer = writers_[index];
  held_count_ -= std::erase_if(writer.held, [&](const HeldObject& object) {
    if (Holds(writer.last, object.collection)) return false;
    HandOver(object, index);
    return true;
  });
}

void GcBlocks::EndLast(Index index) {
  if (writers_[index].last.empty()) return;
  writers_[index].last.clear();
  std::erase(with_last_, index);
  ReleaseHeld(index);
}

void GcBlocks::AddOtherLine(std::string_view line) {
  ++log_.other_lines;
  if (with_last_.empty()) return;
  std::optional<std::string> key;
  const std::vector<Index> candidates = with_last_;
  for (const Index index : candidates) {
    const std::string& prefix = writers_[index].key;
    if (!prefix.empty()) {
      if (!key) key = ParseLogPrefix(line).key;
      if (!StartsWith(*key, prefix)) continue;
    }
    EndLast(index);
  }
}

void GcBlocks::FindExits() {
  for (Writer& writer : writers_) {
    std::vector<const GcCollection*> last;
    for (const Index index : writer.last) last.push_back(&At(index));
    for (std::size_t i = FirstOfExit(last, writer.has_text_before_last, writer.has_shutdown_line);
         i < last.size(); ++i) {
      At(writer.last[i]).is_shutdown = true;
      ++log_.shutdown_collections;
    }
  }
  for (Index index = 0; index < writers_.size(); ++index) {
    for (const HeldObject& object : writers_[index].held) {
      const bool is_shutdown = At(object.collection).is_shutdown;
      if (is_shutdown) ++log_.shutdown_objects;
      if (!is_shutdown || keep_shutdown_) HandOver(object, index);
    }
    writers_[index].held.clear();
  }
}

model::GcLog GcBlocks::Finish() {
  FindExits();
  // Only writers that have something, in the order of the text.
  std::vector<std::optional<std::uint32_t>> place(writers_.size());
  for (GcCollection& collection : log_.collections) {
    std::optional<std::uint32_t>& at = place[collection.writer];
    if (!at) {
      at = static_cast<std::uint32_t>(log_.writers.size());
      log_.writers.push_back(std::move(writers_[collection.writer].facts));
    }
    collection.writer = *at;
  }
  CompleteGcForms(log_);
  if (!keep_shutdown_) {
    std::erase_if(log_.collections,
                  [](const GcCollection& collection) { return collection.is_shutdown; });
  }
  log_.types = types_.Take();
  return std::move(log_);
}

}  // namespace memwhy::readers
