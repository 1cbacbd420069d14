// SPDX-License-Identifier: Apache-2.0
//
// Reads the debug text of CPython's garbage collector (gc.set_debug) from a log: every form
// from 2.7 to 3.15, behind prefixes of loggers and supervisors, with any other text between,
// written by several threads or processes into one file. Up to 3.8 their writes cut lines at any
// byte; what is cut is put together again where its rest can be found. The grammar is in
// gc_message.h, which lines belong to one collection in gc_blocks.h.
//
// Any bytes are fine. Memory: at most kMaxLineBytes of a line, and what gc_blocks.h holds. One
// thread.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "model/gc_log.h"
#include "readers/gc_blocks.h"
#include "readers/gc_message.h"
#include "readers/log_prefix.h"

namespace memwhy::readers {

class GcLogReader {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{64} << 10;

  // `on_object` gets every object line; those of the interpreter's exit only with `keep_shutdown`,
  // which also keeps its collections.
  explicit GcLogReader(bool keep_shutdown, GcBlocks::OnObject on_object = nullptr);

  // The next bytes of the text, cut anywhere.
  void Feed(std::string_view bytes);

  // Call once, after the last Feed.
  model::GcLog Finish();

 private:
  // A message whose rest has not been seen.
  struct Fragment {
    std::string text;
    LogPrefix prefix;
    std::uint64_t line = 0;
    bool follows_word = false;  // then it may be the end of any word
    // By the next byte: whether it has been tried, and whether the message can go on with it.
    std::bitset<256> is_tried;
    std::bitset<256> may_follow;
  };

  void AddToLine(std::string_view bytes);
  void EndLine();
  void Part(std::string_view text);
  // What begins with a mark, up to the next one. False where its end is no part of a message.
  bool Segment(std::string_view text, const LogPrefix& prefix, bool follows_word, bool is_followed);
  void AddFragment(std::string_view text, const LogPrefix& prefix, bool follows_word);
  void DropFragment();
  static bool MayGoOn(Fragment& fragment, char next);
  bool Join(std::string_view text, bool must_use_all);
  bool JoinMark(std::string_view text);

  GcBlocks blocks_;
  std::string line_;
  bool is_long_ = false;        // more of the line has come than is kept
  bool has_lost_mark_ = false;  // in what was not kept
  bool is_listing_ = false;     // the list of gc.garbage may follow
  std::deque<Fragment> fragments_;
  std::uint64_t lines_ = 0;
  std::uint64_t unparsed_ = 0;
};

}  // namespace memwhy::readers
