// SPDX-License-Identifier: Apache-2.0
//
// Puts the messages of a gc log together to collections, per writer. A collection is a block:
// "collecting", the counts, the objects, "done"; 3.14.0 to 3.14.4 end it with the next block. Where
// several writers share a prefix their blocks are open at once: counts go to the oldest without
// them, "done" to the last of the youngest generation that can have found so much; such blocks are
// marked.
//
// The interpreter's exit collects, too. Those collections are among the last full ones of a writer
// with nothing behind them; their objects are held back until something follows, up to kMaxHeld.
// Bounded but for the collections themselves. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/gc_log.h"
#include "readers/gc_exit.h"
#include "readers/gc_message.h"
#include "readers/log_prefix.h"
#include "readers/type_names.h"

namespace memwhy::readers {

class GcBlocks {
 public:
  using OnObject = std::function<void(const model::GcObject&)>;

  // An exit that lists more objects is not cut.
  static constexpr std::size_t kMaxHeld = 4'000'000;

  // Objects of the exit go to `on_object` only with `keep_shutdown`.
  GcBlocks(bool keep_shutdown, OnObject on_object);

  // `may_be_cut`: the next message follows without an end of line.
  void Add(const LogPrefix& prefix, const GcMessage& message, bool may_be_cut);

  // A line with nothing of the collector on it.
  void AddOtherLine(std::string_view line);

  // Everything but the number of lines; the object is used up.
  model::GcLog Finish();

  std::uint64_t unplaced() const { return unplaced_; }  // messages that fit no collection

 private:
  using Index = std::size_t;  // of log_.collections, or of writers_

  struct HeldObject {
    std::uint64_t address;
    Index collection;
    std::uint32_t type;
    bool is_collectable;
    bool is_guess;  // several blocks were open
  };
  struct Writer {
    std::string key;
    std::string shape;
    model::GcWriter facts;
    std::uint64_t messages = 0;
    bool has_done = false;
    std::size_t begun_since_done = 0;
    std::deque<Index> open;        // oldest first
    std::optional<Index> counted;  // its counts came last
    std::deque<Index> last;  // full collections, at most kExitCollections, nothing behind them
    std::vector<HeldObject> held;  // of these
    bool has_text_before_last = false;
    bool has_shutdown_line = false;
  };

  model::GcCollection& At(Index index) { return log_.collections[index]; }
  bool Wants(const Writer& writer, GcMessage::Kind kind) const;
  std::optional<Index> WriterOf(const LogPrefix& prefix, const GcMessage& message);
  Index NewWriter(const std::string& key);
  void Adopt(Index from, Index to);

  Index NewCollection(Index writer);
  void Begin(Index writer, Index collection);
  void AddCounts(Index writer, const GcMessage& message, bool may_be_cut);
  void AddPermanent(Index writer, const GcMessage& message);
  void AddObject(std::optional<Index> writer, const GcMessage& message);
  void AddDone(Index writer, const GcMessage& message);

  void HandOver(const HeldObject& object, std::optional<Index> writer);
  // Hands over what is held of collections that are no longer among `writer`'s last.
  void ReleaseHeld(Index writer);
  void EndLast(Index writer);
  void FindExits();

  bool keep_shutdown_;
  OnObject on_object_;
  model::GcLog log_;
  TypeNames types_;
  std::vector<Writer> writers_;
  std::vector<Index> free_writers_;
  std::unordered_map<std::string, Index> by_key_;
  std::deque<Index> single_headers_;  // writers of one message, which began a collection
  std::vector<Index> with_last_;      // writers whose `last` is not empty, oldest first
  std::optional<Index> last_writer_;
  std::size_t held_count_ = 0;  // over all writers
  std::uint64_t unplaced_ = 0;
};

}  // namespace memwhy::readers
